#include "broker/core/group/protocol.h"

#include <absl/container/flat_hash_map.h>

namespace millrace::core::group {

// A client may name very many: no list is gone through more than once.
absl::flat_hash_set<std::string_view> CommonNames(std::span<const Protocols* const> lists) {
  absl::flat_hash_map<std::string_view, size_t> known;  // in so many of the lists, in their order
  size_t seen = 0;
  for (const Protocols* list : lists) {
    for (const Protocol& liked : *list) {
      auto [by, is_new] = known.try_emplace(liked.name, 0);
      if (by->second == seen) ++by->second;
    }
    ++seen;
  }
  absl::flat_hash_set<std::string_view> common;
  for (const auto& [name, by] : known) {
    if (by == seen) common.insert(name);
  }
  return common;
}

}  // namespace millrace::core::group

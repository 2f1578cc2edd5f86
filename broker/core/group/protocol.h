// The ways to share out partitions that the members of classic groups know.
//
// Pure values.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_set.h>

namespace millrace::core::group {

// The metadata is known to the members only, but for that of consumers (subscription.h).
struct Protocol {
  std::string name;
  std::string metadata;

  friend bool operator==(const Protocol&, const Protocol&) = default;
};

// The preferred one first.
using Protocols = std::vector<Protocol>;

// The names that stand in every list. The lists must outlive them.
absl::flat_hash_set<std::string_view> CommonNames(std::span<const Protocols* const> lists);

}  // namespace millrace::core::group

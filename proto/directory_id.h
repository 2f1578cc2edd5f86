// Names a log directory for its whole life, wherever it is mounted: directory.id of its
// meta.properties.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proto/topic_id_text.h"

namespace millrace {

// All zeros mean that it is not known.
struct DirectoryId {
  std::array<std::byte, 16> bytes{};

  friend constexpr auto operator<=>(const DirectoryId&, const DirectoryId&) = default;
  constexpr bool is_zero() const { return *this == DirectoryId{}; }
};

inline std::string DirectoryIdText(const DirectoryId& id) {
  return TopicIdText(TopicId{.bytes = id.bytes});
}
// None unless `text` is exactly what DirectoryIdText writes for some id.
inline std::optional<DirectoryId> ParseDirectoryId(std::string_view text) {
  const std::optional<TopicId> id = ParseTopicId(text);
  if (!id.has_value()) return std::nullopt;
  return DirectoryId{.bytes = id->bytes};
}

}  // namespace millrace

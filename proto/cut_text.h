// Texts cut to a length.
//
// Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace millrace {

// The text up to `bytes_max` bytes. A character of UTF-8 is left out rather than torn: a client
// would read something else in its place.
inline std::string_view CutText(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  constexpr unsigned char kContinuationMask = 0xc0, kContinuation = 0x80;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & kContinuationMask) == kContinuation) {
    --end;
  }
  return text.substr(0, end);
}

}  // namespace millrace

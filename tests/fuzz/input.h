// The bytes of one execution, taken from the front: a few that choose what is done, then what it is
// done with. Where bytes are missing, zeros are read.
//
// Targets say what must hold with INVARIANT, which libFuzzer reports as a finding.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "proto/invariant.h"

namespace millrace::fuzz {

using Bytes = std::span<const std::byte>;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(std::as_bytes(std::span(data, size))) {}

  bool empty() const { return rest_.empty(); }

  // Big-endian.
  template <std::unsigned_integral T>
  T Take() {
    T value = 0;
    for (std::byte byte : TakeBytes(sizeof(T))) {
      value = static_cast<T>((uint64_t{value} << 8) | std::to_integer<uint64_t>(byte));
    }
    return value;
  }
  uint8_t TakeByte() { return Take<uint8_t>(); }
  // Fewer where there are no more.
  Bytes TakeBytes(size_t count) {
    Bytes taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  Bytes TakeRest() { return TakeBytes(rest_.size()); }

 private:
  Bytes rest_;
};

inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::vector<std::byte> Copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

inline bool SameBytes(Bytes a, Bytes b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace millrace::fuzz

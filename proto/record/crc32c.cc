#include "proto/record/crc32c.h"

#include <algorithm>
#include <limits>

#include <isa-l/crc.h>

namespace millrace::record {

uint32_t Crc32c(std::span<const std::byte> bytes) { return ExtendCrc32c(0, bytes); }

uint32_t ExtendCrc32c(uint32_t crc, std::span<const std::byte> bytes) {
  // ISA-L's function leaves the inversion before and after to its caller, takes an int as the
  // length and, though it only reads, a pointer to mutable bytes.
  constexpr size_t kMaxPiece = std::numeric_limits<int>::max();
  uint32_t state = ~crc;
  while (!bytes.empty()) {
    const size_t piece = std::min(bytes.size(), kMaxPiece);
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    state = crc32_iscsi(data, static_cast<int>(piece), state);
    bytes = bytes.subspan(piece);
  }
  return ~state;
}

}  // namespace millrace::record

// CRC-32C (Castagnoli), the checksum of record batches; by ISA-L, which picks the fastest
// instructions of the machine. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::record {

// The usual form: Crc32c("123456789") is 0xE3069283 and Crc32c of nothing is 0.
uint32_t Crc32c(std::span<const std::byte> bytes);

// The checksum of what `crc` is the checksum of, followed by `bytes`.
uint32_t ExtendCrc32c(uint32_t crc, std::span<const std::byte> bytes);

}  // namespace millrace::record

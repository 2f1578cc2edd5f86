// CRC-32 (IEEE, as in gzip), the checksum of legacy messages; by ISA-L. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::record {

// The usual form: Crc32("123456789") is 0xCBF43926 and Crc32 of nothing is 0.
uint32_t Crc32(std::span<const std::byte> bytes);

}  // namespace millrace::record

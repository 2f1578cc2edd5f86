#include "proto/record/crc32.h"

#include <isa-l/crc.h>

namespace millrace::record {

uint32_t Crc32(std::span<const std::byte> bytes) {
  return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace millrace::record

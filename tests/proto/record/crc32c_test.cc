#include "proto/record/crc32c.h"

#include <catch2/catch.hpp>

#include "tests/proto/record/support.h"

namespace millrace::record {

TEST_CASE("crc32c: the known answers of the standard hold") {
  CHECK(Crc32c(AsBytes("123456789")) == 0xE3069283);
  CHECK(Crc32c({}) == 0);
  // RFC 3720, B.4: 32 bytes of zeros, 32 bytes of ones.
  CHECK(Crc32c(Buffer(32, std::byte{0})) == 0x8A9136AA);
  CHECK(Crc32c(Buffer(32, std::byte{0xff})) == 0x62A8AB43);
}

TEST_CASE("crc32c: a sum can be continued at any byte") {
  Random random(1);
  Buffer bytes(300);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.Next());
  const uint32_t whole = Crc32c(bytes);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const Bytes all(bytes);
    REQUIRE(ExtendCrc32c(Crc32c(all.first(cut)), all.subspan(cut)) == whole);
  }
}

}  // namespace millrace::record

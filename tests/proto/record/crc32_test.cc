#include "proto/record/crc32.h"

#include <catch2/catch.hpp>

#include "tests/proto/record/support.h"

namespace millrace::record {

TEST_CASE("crc32: the checksum of the usual check string, and of nothing") {
  CHECK(Crc32(AsBytes("123456789")) == 0xcbf43926);
  CHECK(Crc32({}) == 0);
}

}  // namespace millrace::record

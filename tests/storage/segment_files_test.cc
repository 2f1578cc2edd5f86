#include "storage/segment_files.h"

#include <string>

#include <catch2/catch.hpp>

namespace millrace::storage {
namespace {

TEST_CASE("segment names: twenty digits and a suffix, and nothing else") {
  const auto parsed = ParseSegmentName("00000000000000000042.timeindex");
  REQUIRE(parsed.has_value());
  CHECK(parsed->offset == Offset(42));
  CHECK(parsed->suffix == kTimeIndexSuffix);
  CHECK(SegmentFileName(parsed->offset, parsed->suffix) == "00000000000000000042.timeindex");
  for (const char* name :
       {"", "42.log", "0000000000000000004.log", "00000000000000000042", "-0000000000000000000.log",
        "-0000000000000000042.log", "+0000000000000000042.log", "0000000000000000004x.log"}) {
    CAPTURE(name);
    CHECK_FALSE(ParseSegmentName(name).has_value());
  }
}

TEST_CASE("segment names: an offset so high that those behind it would overflow is none") {
  CHECK(ParseSegmentName("09223372032559808511.log").has_value());
  for (const char* name :
       {"09223372032559808512.log", "09223372036854775807.log", "09223372036854775808.log",
        "18446744073709551615.log", "99999999999999999999.log"}) {
    CAPTURE(name);
    CHECK_FALSE(ParseSegmentName(name).has_value());
  }
}

}  // namespace
}  // namespace millrace::storage

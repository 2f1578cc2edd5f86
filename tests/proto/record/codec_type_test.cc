#include "proto/record/codec_type.h"

#include <catch2/catch.hpp>

#include "tests/proto/record/support.h"

namespace millrace::record {

TEST_CASE("codec type: names that are none of Kafka's are refused") {
  CHECK_FALSE(CodecByName("").has_value());
  CHECK_FALSE(CodecByName("GZIP").has_value());
  CHECK_FALSE(CodecByName("uncompressed").has_value());
}

TEST_CASE("codec type: each codec is found by its name") {
  for (const CodecType codec : kAllCodecs) CHECK(CodecByName(CodecName(codec)) == codec);
  CHECK(CodecName(CodecType::kNone) == "none");
  CHECK(CodecName(CodecType::kZstd) == "zstd");
}

}  // namespace millrace::record

#include "storage/checkpoint_file.h"

#include <catch2/catch.hpp>

namespace millrace::storage {
namespace {

std::string FaultOf(std::string_view text) {
  const auto decoded = DecodeCheckpoint(text);
  REQUIRE(absl::IsDataLoss(decoded.status()));
  return std::string(decoded.status().message());
}

TEST_CASE("checkpoint file: a damaged one is refused with its line") {
  CHECK(FaultOf("0\n1\norders 0\n") == "checkpoint line 3: \"orders 0\" has 2 fields, not 3");
  CHECK(FaultOf("0\n1\norders 0 5 6\n") ==
        "checkpoint line 3: \"orders 0 5 6\" has 4 fields, not 3");
  CHECK(FaultOf("0\n2\norders 0 5\norders x 5\n") ==
        "checkpoint line 4: \"orders x 5\" is not <topic> <partition> <offset>");
  CHECK(FaultOf("0\n1\norders 0 -1\n") ==
        "checkpoint line 3: \"orders 0 -1\" is not <topic> <partition> <offset>");
  CHECK(FaultOf("0\n1\norders 2147483648 1\n") ==
        "checkpoint line 3: \"orders 2147483648 1\" is not <topic> <partition> <offset>");
  CHECK(FaultOf("0\n1\n/etc 0 1\n").find("checkpoint line 3: \"/etc 0 1\" has no topic name: ") ==
        0);
  CHECK(FaultOf("0\n1\norders 0 5") ==
        "checkpoint line 3: \"orders 0 5\" ends, but 1 more entries were announced");
}

TEST_CASE("checkpoint file: one cut at any byte is refused") {
  const std::string text = EncodeCheckpoint(
      {{"orders", PartitionIndex(0), Offset(123)}, {"orders", PartitionIndex(1), Offset(456)}});
  for (size_t size = 0; size < text.size(); ++size) FaultOf(text.substr(0, size));
}

TEST_CASE("checkpoint file: what is written is read back, in Kafka's form") {
  const std::vector<TopicPartitionOffset> entries = {
      {"orders", PartitionIndex(0), Offset(0)},
      {"a.b_c-d", PartitionIndex(2147483647), Offset(9223372036854775807)}};
  const std::string text = EncodeCheckpoint(entries);
  CHECK(text == "0\n2\norders 0 0\na.b_c-d 2147483647 9223372036854775807\n");
  CHECK(*DecodeCheckpoint(text) == entries);
  CHECK(EncodeCheckpoint({}) == "0\n0\n");
  CHECK(DecodeCheckpoint("0\n0\n")->empty());
}

}  // namespace
}  // namespace millrace::storage

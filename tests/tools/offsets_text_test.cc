#include "tools/offsets_text.h"

#include <catch2/catch.hpp>

namespace millrace::tools {
namespace {

TEST_CASE("offsets text: a topic that is named wrongly is refused with the reason") {
  CHECK(ParseTopicSelection("").status().message() == "--topic '': a topic name is not empty");
  CHECK(
      ParseTopicSelection("a b").status().message() ==
      "--topic 'a b': a topic name holds letters, digits, '.', '_' and '-', but here is ' ' at 1");
  for (const char* text : {"a:", "a:x", "a:-1", "a:1,", "a:1:2", "a: 1", "a:2147483648"}) {
    INFO(text);
    CHECK_FALSE(ParseTopicSelection(text).ok());
  }
}

TEST_CASE("offsets text: a topic stands alone or with partitions") {
  auto all = ParseTopicSelection("orders");
  REQUIRE(all.ok());
  CHECK(all->topic == "orders");
  CHECK(all->partitions.empty());
  auto some = ParseTopicSelection("orders:0,12");
  REQUIRE(some.ok());
  CHECK(some->topic == "orders");
  CHECK(some->partitions == std::vector{PartitionIndex(0), PartitionIndex(12)});
}

TEST_CASE("offsets text: a line that is wrong is refused with its number and the reason") {
  CHECK(ParseOffsetsCsv("a,0,1\nb,0\n").status().message() ==
        "line 2: 'b,0': must be topic,partition,offset");
  CHECK(ParseOffsetsCsv("a,x,1").status().message() == "line 1: 'a,x,1': 'x' is no partition");
  CHECK(ParseOffsetsCsv("a,0,-1").status().message() == "line 1: 'a,0,-1': '-1' is no offset");
  CHECK(ParseOffsetsCsv("a,0,1\n\na,0,2").status().message() ==
        "line 3: 'a,0,2': the partition stands there twice");
  CHECK(ParseOffsetsCsv("\n \n").status().message() == "there is no line in it");
  CHECK_FALSE(ParseOffsetsCsv("a b,0,1").ok());
  CHECK_FALSE(ParseOffsetsCsv("a,0,9223372036854775808").ok());
}

TEST_CASE("offsets text: what was written is read again, and what Kafka writes, too") {
  TopicPartition a{"a", PartitionIndex(0)};
  TopicPartition b{"b", PartitionIndex(3)};
  auto read = ParseOffsetsCsv(OffsetsCsvLine(b, Offset(7)) + "\n" + OffsetsCsvLine(a, Offset(0)));
  REQUIRE(read.ok());
  CHECK(*read == OffsetMap{{a, Offset(0)}, {b, Offset(7)}});
  // It puts long names in quotes.
  auto quoted = ParseOffsetsCsv("\"b\", 3, 7\r\na,0,0\r\n");
  REQUIRE(quoted.ok());
  CHECK(*quoted == *read);
}

}  // namespace
}  // namespace millrace::tools

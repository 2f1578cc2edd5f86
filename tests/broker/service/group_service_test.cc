#include "broker/service/group_service.h"

#include <catch2/catch.hpp>

namespace millrace::service {
namespace {

// The values are those of Java's String.hashCode, made absolute, modulo 50.
TEST_CASE("group service: a group's partition is the one that Kafka would choose") {
  CHECK(PartitionOfGroup("", 50) == PartitionIndex(0));
  CHECK(PartitionOfGroup("g", 50) == PartitionIndex(3));
  CHECK(PartitionOfGroup("console-consumer-12345", 50) == PartitionIndex(6));
  CHECK(PartitionOfGroup("Größe", 50) == PartitionIndex(35));
  CHECK(PartitionOfGroup("グループ", 50) == PartitionIndex(20));
  CHECK(PartitionOfGroup("😀-group", 50) == PartitionIndex(43));
  // Its hash is the one number that has no absolute value.
  CHECK(PartitionOfGroup("polygenelubricants", 50) == PartitionIndex(0));
}

TEST_CASE("group service: a group id of any bytes has a partition") {
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t length = 1; length <= 5; ++length) {
      CAPTURE(byte, length);
      PartitionIndex index = PartitionOfGroup(std::string(length, static_cast<char>(byte)), 7);
      CHECK(index.value() >= 0);
      CHECK(index.value() < 7);
    }
  }
}

TEST_CASE("internal topics: what is left open is filled in, what is given stays") {
  core::Properties broker(core::PropertyScope::kBroker);
  REQUIRE_FALSE(broker.Set("offsets.topic.num.partitions", "7").has_value());
  REQUIRE_FALSE(broker.Set("offsets.topic.segment.bytes", "5000").has_value());
  NewTopic open{.name = "__consumer_offsets"};
  AddInternalDefaults(broker, open);
  CHECK(open.partitions == 7);
  CHECK(open.replication_factor == 1);
  CHECK(open.configs.at("retention.ms") == "-1");
  CHECK(open.configs.at("retention.bytes") == "-1");
  CHECK(open.configs.at("segment.bytes") == "1048576");
  NewTopic given{.name = "__consumer_offsets", .partitions = 3};
  given.configs["retention.ms"] = "1000";
  AddInternalDefaults(broker, given);
  CHECK(given.partitions == 3);
  CHECK(given.configs.at("retention.ms") == "1000");
  NewTopic other{.name = "orders"};
  AddInternalDefaults(broker, other);
  CHECK_FALSE(other.partitions.has_value());
  CHECK(other.configs.empty());
}

}  // namespace
}  // namespace millrace::service

#include "broker/service/topic_value.h"

#include <catch2/catch.hpp>

#include "proto/internal/metadata.pb.h"

namespace millrace::service {
namespace {

DirectoryId Directory(uint8_t first) {
  DirectoryId id;
  id.bytes[0] = std::byte{first};
  return id;
}

core::TopicImage Topic() {
  core::TopicImage topic;
  topic.name = "t";
  topic.id.bytes[5] = std::byte{9};
  topic.configs = {{"retention.ms", "5"}};
  topic.partitions.resize(2);
  for (core::PartitionImage& partition : topic.partitions) {
    partition.leader = BrokerId(1);
    partition.leader_epoch = LeaderEpoch(3);
    partition.replicas = partition.isr = {BrokerId(1)};
  }
  return topic;
}

TEST_CASE("topic value: a partition with other directories than replicas is refused") {
  core::TopicImage topic = Topic();
  topic.partitions[1].directories = {Directory(1), Directory(2)};
  CHECK(DecodeTopic("t", EncodeTopic(topic)) == nullptr);
  internal::TopicValue value;
  REQUIRE(value.ParseFromString(EncodeTopic(Topic())));
  value.mutable_partitions(0)->add_directories("short");
  CHECK(DecodeTopic("t", value.SerializeAsString()) == nullptr);
}

TEST_CASE("topic value: what an older version wrote has no directories") {
  auto topic = DecodeTopic("t", EncodeTopic(Topic()));
  REQUIRE(topic != nullptr);
  CHECK(topic->partitions[0].directories.empty());
  CHECK(topic->partitions[0].leader_epoch == LeaderEpoch(3));
  CHECK_FALSE(core::DirectoryOf(topic->partitions[0], BrokerId(1)).has_value());
}

TEST_CASE("topic value: the directory of each replica comes back") {
  core::TopicImage topic = Topic();
  topic.partitions[0].replicas = {BrokerId(2), BrokerId(1)};
  core::SetDirectory(topic.partitions[0], BrokerId(1), Directory(7));
  auto decoded = DecodeTopic("t", EncodeTopic(topic));
  REQUIRE(decoded != nullptr);
  CHECK(core::DirectoryOf(decoded->partitions[0], BrokerId(1)) == Directory(7));
  CHECK_FALSE(core::DirectoryOf(decoded->partitions[0], BrokerId(2)).has_value());
  CHECK_FALSE(core::DirectoryOf(decoded->partitions[0], BrokerId(3)).has_value());
  CHECK(decoded->configs == topic.configs);
}

}  // namespace
}  // namespace millrace::service

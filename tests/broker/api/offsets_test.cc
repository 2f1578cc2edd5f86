#include <catch2/catch.hpp>

#include "tests/broker/group_calls.h"

namespace millrace::test {
namespace {

TEST_CASE("offsets: unknown topics and partitions are refused, the others are committed") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  TopicId id = CreateTopic(client, "t", 2);
  FindGroup(client);
  CHECK(Commit(client, {.topic = "nobody"}) == ErrorCode::kUnknownTopicOrPartition);
  CHECK(Commit(client, {.partition = 2}) == ErrorCode::kUnknownTopicOrPartition);
  CHECK(Commit(client, {.partition = -1}) == ErrorCode::kUnknownTopicOrPartition);
  CHECK(Commit(client, {.topic_id = {}, .version = 10}) == ErrorCode::kUnknownTopicId);
  CHECK(Commit(client, {.topic_id = id, .partition = 2, .version = 10}) ==
        ErrorCode::kUnknownTopicOrPartition);

  std::vector<wire::OffsetCommitRequest::Partition> partitions(2);
  partitions[0].partition_index = PartitionIndex(7);
  partitions[1].partition_index = PartitionIndex(1);
  partitions[1].committed_offset = Offset(42);
  std::vector<wire::OffsetCommitRequest::Topic> topics(1);
  topics[0].name = "t";
  topics[0].partitions = ArrayOf(partitions);
  wire::OffsetCommitRequest request;
  request.group_id = "g";
  request.topics = ArrayOf(topics);
  auto answer = client.Call(request, 9);
  CHECK(answer->topics[0].partitions[0].error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(answer->topics[0].partitions[1].error_code == ErrorCode::kNone);
  CHECK(FetchOffset(client, {.partition = 1}).offset == Offset(42));
}

TEST_CASE("offsets: metadata beyond offset.metadata.max.bytes is refused") {
  TestBroker broker(1, GroupSettings({{"offset.metadata.max.bytes", "3"}}));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  FindGroup(client);
  CHECK(Commit(client, {.metadata = "abcd"}) == ErrorCode::kOffsetMetadataTooLarge);
  CHECK(Commit(client, {.metadata = "abc"}) == ErrorCode::kNone);
}

TEST_CASE("offsets: a member commits in its generation only") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  FindGroup(client);
  CHECK(Commit(client, {.generation = GenerationId(1)}) == ErrorCode::kGroupIdNotFound);
  CHECK(Commit(client, {.generation = GenerationId(1), .version = 8}) ==
        ErrorCode::kIllegalGeneration);
  Joined member = JoinAndSync(client, {});
  CHECK(Commit(client, {}) == ErrorCode::kUnknownMemberId);
  CHECK(Commit(client, {.member_id = member.member_id, .generation = GenerationId(9)}) ==
        ErrorCode::kIllegalGeneration);
  CHECK(Commit(client,
               {.offset = 5, .member_id = member.member_id, .generation = member.generation}) ==
        ErrorCode::kNone);
  CHECK(FetchOffset(client, {}).offset == Offset(5));
}

TEST_CASE("offsets: committed and fetched over all versions, and still there after a restart") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  std::optional<TestClient> client(broker.Connect());
  TopicId id = CreateTopic(*client, "t");
  FindGroup(*client);
  auto call = [&](int16_t version) {
    return CommitCall{.group = "g" + std::to_string(version),
                      .topic = version >= 10 ? "" : "t",
                      .topic_id = id,
                      .offset = 100 + version,
                      .metadata = "note",
                      .version = version};
  };
  for (int16_t version = 0; version <= 10; ++version) {
    CAPTURE(version);
    Fetched before = FetchOffset(*client, call(version));
    CHECK(before.group_error == ErrorCode::kNone);
    CHECK(before.error == ErrorCode::kNone);
    CHECK_FALSE(before.offset.has_value());
    CHECK(before.metadata.empty());
    CHECK(Commit(*client, call(version)) == ErrorCode::kNone);
  }
  client.reset();
  broker.Restart();
  client.emplace(broker.Connect());
  WaitUntilLoaded(*client);
  for (int16_t version = 0; version <= 10; ++version) {
    CAPTURE(version);
    Fetched after = FetchOffset(*client, call(version));
    CHECK(after.error == ErrorCode::kNone);
    CHECK(after.offset == Offset(100 + version));
    CHECK(after.metadata == "note");
  }
}

TEST_CASE("offsets: an unknown topic has no offset and no error, but for an unknown id") {
  TestBroker broker(1, GroupSettings());
  TestClient client = broker.Connect();
  FindGroup(client);
  Fetched by_name = FetchOffset(client, {.topic = "nobody"});
  CHECK(by_name.error == ErrorCode::kNone);
  CHECK_FALSE(by_name.offset.has_value());
  CHECK(FetchOffset(client, {.version = 10}).error == ErrorCode::kUnknownTopicId);
}

TEST_CASE("offsets: all of several groups in one request") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 2);
  CreateTopic(client, "u");
  FindGroup(client);
  Commit(client, {.group = "a", .topic = "t", .partition = 0, .offset = 1});
  Commit(client, {.group = "a", .topic = "t", .partition = 1, .offset = 2});
  Commit(client, {.group = "a", .topic = "u", .offset = 3});
  Commit(client, {.group = "b", .topic = "u", .offset = 4});
  std::vector<wire::OffsetFetchRequest::Group> groups(3);
  groups[0].group_id = "a";
  groups[1].group_id = "b";
  groups[2].group_id = "none";
  wire::OffsetFetchRequest request;
  request.groups = ArrayOf(groups);
  request.require_stable = true;
  auto answer = client.Call(request, 9);
  REQUIRE(answer->groups.size() == 3);
  REQUIRE(answer->groups[0].topics.size() == 2);
  int64_t sum = 0;
  for (const auto& topic : answer->groups[0].topics) {
    CHECK(topic.partitions.size() == (topic.name == "t" ? 2 : 1));
    for (const auto& partition : topic.partitions) sum += partition.committed_offset->value();
  }
  CHECK(sum == 6);
  REQUIRE(answer->groups[1].topics.size() == 1);
  CHECK(answer->groups[1].topics[0].partitions[0].committed_offset == Offset(4));
  CHECK(answer->groups[2].topics.empty());
  CHECK(answer->groups[2].error_code == ErrorCode::kNone);
}

// One topic, whose partitions live as long as `partitions`.
wire::OffsetFetchRequest::Topic Asked(std::string_view name,
                                      std::vector<PartitionIndex>& partitions) {
  return {.name = name, .topic_id = {}, .partition_indexes = ArrayOf(partitions)};
}

TEST_CASE("offsets: what is asked for again, of a group or a partition, is answered once") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 3);
  FindGroup(client);
  Commit(client, {.partition = 0, .offset = 10, .metadata = "note"});
  Commit(client, {.partition = 2, .offset = 12});
  std::vector<PartitionIndex> two{PartitionIndex(2), PartitionIndex(0), PartitionIndex(2)};
  std::vector<PartitionIndex> one{PartitionIndex(0)};
  std::vector<PartitionIndex> more{PartitionIndex(0), PartitionIndex(1)};
  std::vector<wire::OffsetFetchRequest::Topic> first{Asked("t", two), Asked("t", one)};
  std::vector<wire::OffsetFetchRequest::Topic> second{Asked("none", one), Asked("t", more)};
  std::vector<wire::OffsetFetchRequest::Group> groups(4);
  groups[0].group_id = groups[2].group_id = groups[3].group_id = "g";
  groups[1].group_id = "other";
  groups[0].topics = groups[3].topics = ArrayOf(first);
  groups[2].topics = ArrayOf(second);
  wire::OffsetFetchRequest request;
  request.groups = ArrayOf(groups);
  auto answer = client.Call(request, 9);
  REQUIRE(answer->groups.size() == 2);
  CHECK(answer->groups[0].group_id == "g");
  CHECK(answer->groups[1].group_id == "other");
  CHECK(answer->groups[1].topics.empty());
  const auto& topics = answer->groups[0].topics;
  REQUIRE(topics.size() == 3);
  REQUIRE(topics[0].partitions.size() == 2);
  CHECK(topics[0].partitions[0].committed_offset == Offset(12));
  CHECK(topics[0].partitions[1].committed_offset == Offset(10));
  CHECK(topics[0].partitions[1].metadata == "note");
  CHECK(topics[1].name == "none");
  CHECK(topics[1].partitions.size() == 1);
  CHECK(topics[2].name == "t");
  REQUIRE(topics[2].partitions.size() == 1);
  CHECK(topics[2].partitions[0].partition_index == PartitionIndex(1));
  CHECK_FALSE(topics[2].partitions[0].committed_offset.has_value());
}

TEST_CASE("offsets: a group of which all is asked, besides some partitions, tells all once") {
  TestBroker broker(1, GroupSettings());
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 2);
  FindGroup(client);
  Commit(client, {.partition = 0, .offset = 10});
  Commit(client, {.partition = 1, .offset = 11});
  std::vector<PartitionIndex> one{PartitionIndex(0)};
  std::vector<wire::OffsetFetchRequest::Topic> topics{Asked("t", one)};
  std::vector<wire::OffsetFetchRequest::Group> groups(3);
  for (auto& group : groups) group.group_id = "g";
  groups[0].topics = ArrayOf(topics);
  wire::OffsetFetchRequest request;
  request.groups = ArrayOf(groups);
  auto answer = client.Call(request, 9);
  REQUIRE(answer->groups.size() == 1);
  REQUIRE(answer->groups[0].topics.size() == 1);
  CHECK(answer->groups[0].topics[0].partitions.size() == 2);
}

TEST_CASE("offsets: a topic that is created again does not have the offsets of the old one") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  FindGroup(client);
  REQUIRE(Commit(client, {.offset = 1000}) == ErrorCode::kNone);
  REQUIRE(DeleteTopic(client, "t") == ErrorCode::kNone);
  CHECK_FALSE(FetchOffset(client, {}).offset.has_value());
  CreateTopic(client, "t");
  CHECK_FALSE(FetchOffset(client, {}).offset.has_value());
  std::vector<wire::OffsetFetchRequest::Group> groups(1);
  groups[0].group_id = "g";
  wire::OffsetFetchRequest request;
  request.groups = ArrayOf(groups);
  CHECK(client.Call(request, 9)->groups[0].topics.empty());
}

TEST_CASE("offsets: those of a deleted topic go with the next look for expired ones") {
  TestBroker broker(1, GroupSettings({{"offsets.retention.check.interval.ms", "1"}}));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  FindGroup(client);
  REQUIRE(Commit(client, {.offset = 1000}) == ErrorCode::kNone);
  REQUIRE(client.Call(wire::ListGroupsRequest{}, 5)->groups.size() == 1);
  REQUIRE(DeleteTopic(client, "t") == ErrorCode::kNone);
  // The group has nothing left then, and goes, too.
  while (!client.Call(wire::ListGroupsRequest{}, 5)->groups.empty()) {
  }
}

ErrorCode DeleteOffset(TestClient& client, const std::string& topic, int32_t partition,
                       ErrorCode& of_group) {
  std::vector<PartitionIndex> partitions{PartitionIndex(partition)};
  std::vector<wire::OffsetDeleteRequest::Topic> topics{{topic, ArrayOf(partitions)}};
  wire::OffsetDeleteRequest request;
  request.group_id = "g";
  request.topics = ArrayOf(topics);
  auto answer = client.Call(request, 0);
  of_group = answer->error_code;
  return answer->topics.empty() ? of_group : answer->topics[0].partitions[0].error_code;
}

TEST_CASE("offsets: deleted, where no member reads the topic") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  FindGroup(client);
  ErrorCode of_group = ErrorCode::kNone;
  CHECK(DeleteOffset(client, "t", 0, of_group) == ErrorCode::kGroupIdNotFound);
  REQUIRE(Commit(client, {.offset = 1}) == ErrorCode::kNone);
  CHECK(DeleteOffset(client, "nobody", 0, of_group) == ErrorCode::kUnknownTopicOrPartition);
  Joined member = JoinAndSync(client, {});
  CHECK(DeleteOffset(client, "t", 0, of_group) == ErrorCode::kGroupSubscribedToTopic);
  CHECK(of_group == ErrorCode::kNone);
  CHECK(FetchOffset(client, {}).offset == Offset(1));
  Leave(client, "g", member.member_id);
  CHECK(DeleteOffset(client, "t", 0, of_group) == ErrorCode::kNone);
  CHECK_FALSE(FetchOffset(client, {}).offset.has_value());
}

}  // namespace
}  // namespace millrace::test

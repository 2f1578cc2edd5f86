#include "tests/broker/core/group/support.h"

namespace millrace::core::group {

namespace {

constexpr int64_t kWeekMs = int64_t{7} * 24 * 3600 * 1000;

std::optional<std::string_view> NameOf(const TopicId& id) {
  if (id == TopicNumber(1)) return "one";
  if (id == TopicNumber(2)) return "two";
  return std::nullopt;
}

ErrorCode CommitTo(Harness& harness, std::string_view group, uint8_t topic,
                   std::optional<int64_t> retention_ms = std::nullopt,
                   const JoinAnswer& member = {}) {
  Commit::Partition one{{TopicNumber(topic), PartitionIndex(0)}, Offset(1), std::nullopt, ""};
  return harness
      .Ask(Commit{.group_id = group,
                  .who = {member.member_id, std::nullopt},
                  .generation = member.generation,
                  .retention_ms = retention_ms,
                  .partitions = {&one, 1}})
      .error;
}

}  // namespace

TEST_CASE("commit: who is not a member may commit only while nobody is") {
  Harness harness;
  CHECK(harness.Commit("g", 1) == ErrorCode::kNone);
  JoinAnswer member = harness.Stable("g");
  CHECK(harness.Commit("g", 2) == ErrorCode::kUnknownMemberId);
  CHECK(harness.Commit("g", 2, "stranger", GenerationId(1)) == ErrorCode::kUnknownMemberId);
  CHECK(harness.Commit("g", 2, "", GenerationId(1)) == ErrorCode::kUnknownMemberId);
  CHECK(harness.FetchAll("g")[0].committed.offset == Offset(1));
  harness.Leave("g", member.member_id);
  CHECK(harness.Commit("g", 2) == ErrorCode::kNone);
}

TEST_CASE("commit: another generation is illegal, and so is one in a group that is not there") {
  Harness harness;
  JoinAnswer member = harness.Stable("g");
  CHECK(harness.Commit("g", 1, member.member_id, GenerationId(0)) == ErrorCode::kIllegalGeneration);
  CHECK(harness.Commit("g", 1, member.member_id) == ErrorCode::kIllegalGeneration);
  CHECK(harness.Commit("none", 1, "m", GenerationId(1)) == ErrorCode::kGroupIdNotFound);
  Commit::Partition one{{TopicNumber(1), PartitionIndex(0)}, Offset(1), std::nullopt, ""};
  Commit older{.group_id = "none",
               .who = {"m", std::nullopt},
               .generation = GenerationId(1),
               .retention_ms = std::nullopt,
               .knows_group_id_not_found = false,
               .partitions = {&one, 1}};
  CHECK(harness.Ask(older).error == ErrorCode::kIllegalGeneration);
  CHECK(harness.machine.groups().size() == 1);
}

TEST_CASE("commit: between join and sync it is told to wait") {
  Harness harness;
  JoinAnswer member = harness.Join("g", "", {.needs_member_id = false});
  CHECK(harness.Commit("g", 1, member.member_id, member.generation) ==
        ErrorCode::kRebalanceInProgress);
}

TEST_CASE("commit: a static member that was replaced is fenced") {
  Harness harness;
  JoinAnswer old = harness.Stable("g", "a", {.instance_id = "i"});
  harness.Join("g", "", {.instance_id = "i"});
  Commit commit{.group_id = "g",
                .who = {old.member_id, "i"},
                .generation = old.generation,
                .retention_ms = std::nullopt,
                .partitions = {}};
  CHECK(harness.Ask(commit).error == ErrorCode::kFencedInstanceId);
}

TEST_CASE("commit: metadata too long, as Kafka counts, refuses its partition alone") {
  Harness harness({.offset_metadata_max = 4});
  CHECK(harness.Commit("g", 1, "", std::nullopt, "12345") == ErrorCode::kOffsetMetadataTooLarge);
  CHECK(harness.Commit("g", 1, "", std::nullopt, "äöüß") == ErrorCode::kNone);
  CHECK(harness.Commit("g", 1, "", std::nullopt, "😀😀") == ErrorCode::kNone);
  CHECK(harness.Commit("g", 1, "", std::nullopt, "😀😀x") == ErrorCode::kOffsetMetadataTooLarge);
  Commit::Partition two[] = {
      {{TopicNumber(1), PartitionIndex(0)}, Offset(5), std::nullopt, "12345"},
      {{TopicNumber(1), PartitionIndex(1)}, Offset(6), std::nullopt, "1234"}};
  CommitAnswer answer = harness.Ask(
      Commit{.group_id = "g", .who = {}, .retention_ms = std::nullopt, .partitions = two});
  CHECK(answer.partitions ==
        std::vector<ErrorCode>{ErrorCode::kOffsetMetadataTooLarge, ErrorCode::kNone});
}

TEST_CASE("commit: a request that would fill the log is refused as a whole") {
  Harness harness({.commit_bytes_max = 1000});
  std::vector<Commit::Partition> many(
      100, {{TopicNumber(1), PartitionIndex(0)}, Offset(1), std::nullopt, ""});
  CHECK(
      harness
          .Ask(Commit{.group_id = "g", .who = {}, .retention_ms = std::nullopt, .partitions = many})
          .error == ErrorCode::kInvalidCommitOffsetSize);
  CHECK(harness.log.empty());
}

TEST_CASE("fetch: what was committed last, with leader epoch and metadata; nothing elsewhere") {
  Harness harness;
  CHECK(harness.FetchAll("none").empty());
  harness.Commit("g", 5);
  harness.Commit("g", 6, "", std::nullopt, "note");
  TopicPartition asked[] = {{TopicNumber(1), PartitionIndex(0)},
                            {TopicNumber(1), PartitionIndex(1)},
                            {TopicNumber(2), PartitionIndex(0)}};
  FetchAnswer answer = harness.Ask(Fetch{.group_id = "g", .partitions = asked});
  REQUIRE(answer.found.size() == 1);
  CHECK(answer.found[0].partition == asked[0]);
  CHECK(answer.found[0].committed.offset == Offset(6));
  CHECK(answer.found[0].committed.leader_epoch == LeaderEpoch(3));
  CHECK(answer.found[0].committed.metadata == "note");
  CHECK(answer.found[0].committed.committed == harness.now);
}

TEST_CASE("delete offsets: refused where a member reads the topic, or may") {
  Harness harness;
  DeleteOffsets::Partition partitions[] = {{{TopicNumber(1), PartitionIndex(0)}, "one"},
                                           {{TopicNumber(2), PartitionIndex(0)}, "two"}};
  CHECK(harness.Ask(DeleteOffsets{"g", partitions}).error == ErrorCode::kGroupIdNotFound);
  CommitTo(harness, "g", 1);
  CommitTo(harness, "g", 2);
  JoinAnswer member =
      harness.Stable("g", "a", {.protocols = {{"range", Subscription({"one", "three"})}}});
  DeleteOffsetsAnswer answer = harness.Ask(DeleteOffsets{"g", partitions});
  CHECK(answer.partitions ==
        std::vector<ErrorCode>{ErrorCode::kGroupSubscribedToTopic, ErrorCode::kNone});
  REQUIRE(harness.FetchAll("g").size() == 1);
  CHECK(harness.FetchAll("g")[0].partition.topic == TopicNumber(1));
  harness.Leave("g", member.member_id);
  answer = harness.Ask(DeleteOffsets{"g", partitions});
  CHECK(answer.partitions == std::vector<ErrorCode>{ErrorCode::kNone, ErrorCode::kNone});
  CHECK(harness.FetchAll("g").empty());
}

TEST_CASE("delete offsets: a group of another kind than consumers must be empty") {
  Harness harness;
  harness.Stable("g", "a", {.protocol_type = "connect"});
  DeleteOffsets::Partition one{{TopicNumber(1), PartitionIndex(0)}, "one"};
  CHECK(harness.Ask(DeleteOffsets{"g", {&one, 1}}).error == ErrorCode::kNonEmptyGroup);
}

TEST_CASE("cleanup: offsets of deleted topics go, others stay") {
  Harness harness;
  CommitTo(harness, "g", 1);
  CommitTo(harness, "g", 9);
  harness.CleanUp(NameOf);
  REQUIRE(harness.FetchAll("g").size() == 1);
  CHECK(harness.FetchAll("g")[0].partition.topic == TopicNumber(1));
  CommitTo(harness, "gone", 9);
  harness.CleanUp(NameOf);
  CHECK_FALSE(harness.machine.groups().contains("gone"));
  CHECK(harness.Replayed().groups() == harness.machine.groups());
}

TEST_CASE("cleanup: offsets expire a week after the last member has left, not after the commit") {
  Harness harness;
  JoinAnswer member = harness.Stable("g", "a", {.protocols = {{"range", Subscription({"one"})}}});
  CommitTo(harness, "g", 1, std::nullopt, member);
  harness.now = harness.now + 2 * kWeekMs;
  harness.CleanUp(NameOf);
  CHECK(harness.FetchAll("g").size() == 1);
  harness.Leave("g", member.member_id);
  harness.now = harness.now + (kWeekMs - 1);
  harness.CleanUp(NameOf);
  CHECK(harness.FetchAll("g").size() == 1);
  harness.now = harness.now + 1;
  harness.CleanUp(NameOf);
  CHECK_FALSE(harness.machine.groups().contains("g"));
}

TEST_CASE("cleanup: what a stable group no longer reads expires a week after its commit") {
  Harness harness;
  JoinAnswer member = harness.Stable("g", "a", {.protocols = {{"range", Subscription({"two"})}}});
  CommitTo(harness, "g", 1, std::nullopt, member);
  CommitTo(harness, "g", 2, std::nullopt, member);
  harness.now = harness.now + kWeekMs;
  harness.CleanUp(NameOf);
  REQUIRE(harness.FetchAll("g").size() == 1);
  CHECK(harness.FetchAll("g")[0].partition.topic == TopicNumber(2));
}

TEST_CASE("cleanup: without members ever, offsets expire by commit, or when the client said") {
  Harness harness;
  CommitTo(harness, "g", 1);
  CommitTo(harness, "g", 2, 1000);
  harness.now = harness.now + 999;
  harness.CleanUp(NameOf);
  CHECK(harness.FetchAll("g").size() == 2);
  harness.now = harness.now + 1;
  harness.CleanUp(NameOf);
  CHECK(harness.FetchAll("g").size() == 1);
  harness.now = harness.now + kWeekMs;
  harness.CleanUp(NameOf);
  CHECK(harness.machine.groups().empty());
}

}  // namespace millrace::core::group

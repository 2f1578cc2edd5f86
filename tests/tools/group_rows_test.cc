#include "tools/group_rows.h"

#include <catch2/catch.hpp>

namespace millrace::tools {
namespace {

const TopicPartition kA0{"a", PartitionIndex(0)};
const TopicPartition kA1{"a", PartitionIndex(1)};
const TopicPartition kA10{"a", PartitionIndex(10)};
const TopicPartition kB0{"b", PartitionIndex(0)};

GroupMember Member(const char* id, std::optional<TopicPartitions> assignment) {
  return {.member_id = id, .assignment = std::move(assignment)};
}

TEST_CASE("group rows: a partition has one for being assigned or for a committed offset") {
  GroupFacts facts{.members = {Member("m", TopicPartitions{kA10, kA0})}};
  OffsetMap committed = {{kA0, Offset(3)}, {kB0, Offset(7)}};
  CHECK(PartitionsOf(facts, committed) == TopicPartitions{kA0, kA10, kB0});
  auto rows = GroupRows(facts, committed, {{kA0, Offset(10)}, {kA10, Offset(5)}});
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].at == kA0);
  CHECK(rows[0].committed == Offset(3));
  CHECK(rows[0].log_end == Offset(10));
  CHECK(rows[0].lag == 7);
  CHECK(rows[0].member == facts.members.data());
  // Assigned, and nothing committed: how far it is behind is not known.
  CHECK(rows[1].at == kA10);
  CHECK_FALSE(rows[1].committed.has_value());
  CHECK(rows[1].log_end == Offset(5));
  CHECK_FALSE(rows[1].lag.has_value());
  // Committed by a member that is gone, in a partition whose end is not known.
  CHECK(rows[2].at == kB0);
  CHECK(rows[2].committed == Offset(7));
  CHECK_FALSE(rows[2].lag.has_value());
  CHECK(rows[2].member == nullptr);
}

TEST_CASE("group rows: a committed offset behind the end of the log is a negative lag") {
  auto rows = GroupRows({}, {{kA0, Offset(10)}}, {{kA0, Offset(4)}});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].lag == -6);
}

TEST_CASE("group rows: a partition that two members claim shows both") {
  GroupFacts facts{.members = {Member("m", TopicPartitions{kA1}), Member("n", TopicPartitions{kA1}),
                               Member("opaque", std::nullopt)}};
  auto rows = GroupRows(facts, {{kA1, Offset(1)}}, {{kA1, Offset(2)}});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].member->member_id == "m");
  CHECK(rows[1].member->member_id == "n");
  CHECK(rows[1].lag == 1);
  CHECK(PartitionsOf(facts, {}) == TopicPartitions{kA1});
}

}  // namespace
}  // namespace millrace::tools

// Requests of group members in a line each, for tests of a whole broker.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/delete_groups.h"
#include "proto/wire/describe_groups.h"
#include "proto/wire/heartbeat.h"
#include "proto/wire/join_group.h"
#include "proto/wire/leave_group.h"
#include "proto/wire/list_groups.h"
#include "proto/wire/offset_commit.h"
#include "proto/wire/offset_delete.h"
#include "proto/wire/offset_fetch.h"
#include "proto/wire/sync_group.h"
#include "tests/broker/support.h"

namespace millrace::test {

template <>
struct AnswerTo<wire::DeleteGroupsRequest> {
  using Type = wire::DeleteGroupsResponse;
};
template <>
struct AnswerTo<wire::DescribeGroupsRequest> {
  using Type = wire::DescribeGroupsResponse;
};
template <>
struct AnswerTo<wire::HeartbeatRequest> {
  using Type = wire::HeartbeatResponse;
};
template <>
struct AnswerTo<wire::JoinGroupRequest> {
  using Type = wire::JoinGroupResponse;
};
template <>
struct AnswerTo<wire::LeaveGroupRequest> {
  using Type = wire::LeaveGroupResponse;
};
template <>
struct AnswerTo<wire::ListGroupsRequest> {
  using Type = wire::ListGroupsResponse;
};
template <>
struct AnswerTo<wire::OffsetCommitRequest> {
  using Type = wire::OffsetCommitResponse;
};
template <>
struct AnswerTo<wire::OffsetDeleteRequest> {
  using Type = wire::OffsetDeleteResponse;
};
template <>
struct AnswerTo<wire::OffsetFetchRequest> {
  using Type = wire::OffsetFetchResponse;
};
template <>
struct AnswerTo<wire::SyncGroupRequest> {
  using Type = wire::SyncGroupResponse;
};

// Few partitions of __consumer_offsets, so that a broker starts quickly; no wait for more members.
inline std::vector<NameAndValue> GroupSettings(std::vector<NameAndValue> more = {}) {
  more.emplace_back("offsets.topic.num.partitions", "3");
  more.emplace_back("group.min.session.timeout.ms", "1");
  more.emplace_back("group.initial.rebalance.delay.ms", "0");
  return more;
}

struct Joined {
  ErrorCode error;
  std::string member_id;
  std::optional<GenerationId> generation;
  std::string leader;
  bool skip_assignment;
  std::vector<std::string> members;
};

struct JoinCall {
  std::string group = "g";
  std::string member_id;
  std::optional<std::string_view> instance_id;
  int32_t session_timeout_ms = 30'000;
  std::string metadata = "subscription";
  int16_t version = 9;
};

// Asks FindCoordinator first, as clients do: that creates __consumer_offsets.
void FindGroup(TestClient& client, const std::string& group = "g");
// After a restart: until every coordinator has read its log.
void WaitUntilLoaded(TestClient& client);
Joined Join(TestClient& client, const JoinCall& call);
// Joins, with the id it is given where it has to, and syncs with this assignment.
Joined JoinAndSync(TestClient& client, JoinCall call, const std::string& assignment = "parts");
wire::SyncGroupResponse Sync(TestClient& client, const std::string& group, const Joined& joined,
                             const std::string& assignment, std::string& got, int16_t version = 5);
ErrorCode Heartbeat(TestClient& client, const std::string& group, const Joined& joined,
                    int16_t version = 4);
ErrorCode Leave(TestClient& client, const std::string& group, const std::string& member_id,
                int16_t version = 5);

struct CommitCall {
  std::string group = "g";
  std::string topic = "t";
  TopicId topic_id = {};
  int32_t partition = 0;
  int64_t offset = 0;
  std::string metadata;
  std::string member_id;
  std::optional<GenerationId> generation;
  int16_t version = 9;
};
// The error of the one partition.
ErrorCode Commit(TestClient& client, const CommitCall& call);

struct Fetched {
  ErrorCode group_error;
  ErrorCode error;
  std::optional<Offset> offset;
  std::optional<LeaderEpoch> leader_epoch;
  std::string metadata;
};
// Of one partition; by name, or with version 10 by id.
Fetched FetchOffset(TestClient& client, const CommitCall& call);

}  // namespace millrace::test

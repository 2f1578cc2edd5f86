#include "tests/broker/group_calls.h"

namespace millrace::test {

namespace {

std::string_view TextOf(wire::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void FindGroup(TestClient& client, const std::string& group) {
  wire::FindCoordinatorRequest request;
  request.key = group;
  auto answer = client.Call(request, 3);
  REQUIRE(answer->error_code == ErrorCode::kNone);
}

void WaitUntilLoaded(TestClient& client) {
  while (client.Call(wire::ListGroupsRequest{}, 5)->error_code ==
         ErrorCode::kCoordinatorLoadInProgress) {
  }
}

Joined Join(TestClient& client, const JoinCall& call) {
  std::vector<wire::JoinGroupRequest::Protocol> protocols{
      {"range", std::as_bytes(std::span(call.metadata))}};
  wire::JoinGroupRequest request;
  request.group_id = call.group;
  request.session_timeout_ms = call.session_timeout_ms;
  request.rebalance_timeout_ms = 60'000;
  request.member_id = call.member_id;
  request.group_instance_id = call.instance_id;
  request.protocol_type = "consumer";
  request.protocols = ArrayOf(protocols);
  auto answer = client.Call(request, call.version);
  Joined joined{.error = answer->error_code,
                .member_id = std::string(answer->member_id),
                .generation = answer->generation_id,
                .leader = std::string(answer->leader),
                .skip_assignment = answer->skip_assignment,
                .members = {}};
  for (const auto& member : answer->members) joined.members.emplace_back(member.member_id);
  return joined;
}

Joined JoinAndSync(TestClient& client, JoinCall call, const std::string& assignment) {
  Joined joined = Join(client, call);
  if (joined.error == ErrorCode::kMemberIdRequired) {
    call.member_id = joined.member_id;
    joined = Join(client, call);
  }
  REQUIRE(joined.error == ErrorCode::kNone);
  std::string got;
  REQUIRE(Sync(client, call.group, joined, assignment, got).error_code == ErrorCode::kNone);
  return joined;
}

wire::SyncGroupResponse Sync(TestClient& client, const std::string& group, const Joined& joined,
                             const std::string& assignment, std::string& got, int16_t version) {
  std::vector<wire::SyncGroupRequest::Assignment> assignments{
      {joined.member_id, std::as_bytes(std::span(assignment))}};
  wire::SyncGroupRequest request;
  request.group_id = group;
  request.generation_id = joined.generation.value_or(GenerationId(-1));
  request.member_id = joined.member_id;
  request.protocol_type = "consumer";
  request.protocol_name = "range";
  request.assignments = ArrayOf(assignments);
  auto answer = client.Call(request, version);
  got = TextOf(answer->assignment);
  wire::SyncGroupResponse copy;
  copy.error_code = answer->error_code;
  return copy;
}

ErrorCode Heartbeat(TestClient& client, const std::string& group, const Joined& joined,
                    int16_t version) {
  wire::HeartbeatRequest request;
  request.group_id = group;
  request.generation_id = joined.generation.value_or(GenerationId(-1));
  request.member_id = joined.member_id;
  return client.Call(request, version)->error_code;
}

ErrorCode Leave(TestClient& client, const std::string& group, const std::string& member_id,
                int16_t version) {
  std::vector<wire::LeaveGroupRequest::Member> members(1);
  members[0].member_id = member_id;
  wire::LeaveGroupRequest request;
  request.group_id = group;
  request.member_id = member_id;
  request.members = ArrayOf(members);
  auto answer = client.Call(request, version);
  if (version < 3 || answer->error_code != ErrorCode::kNone) return answer->error_code;
  REQUIRE(answer->members.size() == 1);
  return answer->members[0].error_code;
}

ErrorCode Commit(TestClient& client, const CommitCall& call) {
  std::vector<wire::OffsetCommitRequest::Partition> partitions(1);
  partitions[0].partition_index = PartitionIndex(call.partition);
  partitions[0].committed_offset = Offset(call.offset);
  partitions[0].committed_metadata = call.metadata;
  std::vector<wire::OffsetCommitRequest::Topic> topics(1);
  topics[0].name = call.topic;
  topics[0].topic_id = call.topic_id;
  topics[0].partitions = ArrayOf(partitions);
  wire::OffsetCommitRequest request;
  request.group_id = call.group;
  request.generation_id_or_member_epoch = call.generation;
  request.member_id = call.member_id;
  request.topics = ArrayOf(topics);
  auto answer = client.Call(request, call.version);
  REQUIRE(answer->topics.size() == 1);
  REQUIRE(answer->topics[0].partitions.size() == 1);
  return answer->topics[0].partitions[0].error_code;
}

Fetched FetchOffset(TestClient& client, const CommitCall& call) {
  std::vector<PartitionIndex> indexes{PartitionIndex(call.partition)};
  std::vector<wire::OffsetFetchRequest::Topic> topics(1);
  topics[0].name = call.topic;
  topics[0].topic_id = call.topic_id;
  topics[0].partition_indexes = ArrayOf(indexes);
  std::vector<wire::OffsetFetchRequest::Group> groups(1);
  groups[0].group_id = call.group;
  groups[0].topics = ArrayOf(topics);
  wire::OffsetFetchRequest request;
  request.group_id = call.group;
  request.topics = ArrayOf(topics);
  request.groups = ArrayOf(groups);
  auto answer = client.Call(request, call.version);
  bool is_batched = call.version >= 8;
  if (is_batched) REQUIRE(answer->groups.size() == 1);
  Fetched fetched{};
  fetched.group_error = is_batched ? answer->groups[0].error_code : answer->error_code;
  const auto& told = is_batched ? answer->groups[0].topics : answer->topics;
  if (told.empty()) return fetched;
  REQUIRE(told[0].partitions.size() == 1);
  const auto& partition = told[0].partitions[0];
  fetched.error = partition.error_code;
  fetched.offset = partition.committed_offset;
  fetched.leader_epoch = partition.committed_leader_epoch;
  fetched.metadata = partition.metadata.value_or("(null)");
  return fetched;
}

}  // namespace millrace::test

// What a coordinator is asked, and what it answers. Views in an input live as long as the call; an
// answer owns what it says.
//
// Pure values. An empty member id means "none yet", as on the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/core/group/assignor.h"
#include "broker/core/group/group.h"
#include "proto/error_code.h"
#include "proto/types.h"

namespace millrace::core::group {

using RequestId = StrongId<struct GroupRequestIdTag, uint64_t>;

// Who is meant by a request of a member.
struct Identity {
  std::string_view member_id;
  std::optional<std::string_view> instance_id;
};

struct JoinAnswer {
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string metadata;
  };

  ErrorCode error = ErrorCode::kNone;
  std::optional<GenerationId> generation;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  std::string leader;
  std::string member_id;
  bool skip_assignment = false;
  std::vector<Member> members;  // for the leader only
};

struct Join {
  using Answer = JoinAnswer;
  struct Protocol {
    std::string_view name;
    std::string_view metadata;
  };

  std::string_view group_id;
  Identity who;
  std::string_view client_id;
  std::string_view client_host;
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = 0;
  std::string_view protocol_type;
  std::span<const Protocol> protocols;
  // Whether a new dynamic member is first told its id and joins with it (JoinGroup 4 and later).
  bool needs_member_id = true;
  // Whether a leader can be told not to share out partitions anew (JoinGroup 9).
  bool can_skip_assignment = true;
  // The unique part of the member id, should one be needed: no two joins have the same.
  std::string_view fresh_id;
};

struct SyncAnswer {
  ErrorCode error = ErrorCode::kNone;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  std::string assignment;
};

struct Sync {
  using Answer = SyncAnswer;
  struct Assignment {
    std::string_view member_id;
    std::string_view assignment;
  };

  std::string_view group_id;
  Identity who;
  GenerationId generation;
  // None: not said, so not compared.
  std::optional<std::string_view> protocol_type;
  std::optional<std::string_view> protocol;
  std::span<const Assignment> assignments;
};

struct HeartbeatAnswer {
  ErrorCode error = ErrorCode::kNone;
};

struct Heartbeat {
  using Answer = HeartbeatAnswer;

  std::string_view group_id;
  Identity who;
  GenerationId generation;
};

struct LeaveAnswer {
  ErrorCode error = ErrorCode::kNone;
  std::vector<ErrorCode> members;  // in the order of the request
};

struct Leave {
  using Answer = LeaveAnswer;

  std::string_view group_id;
  std::span<const Identity> members;
};

// ConsumerGroupHeartbeat: joins, lives in and leaves a consumer group. None where a value has not
// changed since the last heartbeat.
struct ConsumerHeartbeatAnswer {
  ErrorCode error = ErrorCode::kNone;
  std::string message;  // empty but for errors that need one
  std::string member_id;
  MemberEpoch epoch{0};
  int32_t interval_ms = 0;
  std::optional<PartitionSet> assignment;  // none: as it was told before
};

struct ConsumerHeartbeat {
  using Answer = ConsumerHeartbeatAnswer;

  std::string_view group_id;
  std::string_view member_id;
  MemberEpoch epoch{0};  // or kJoining, kLeaving, kAway
  std::optional<std::string_view> instance_id;
  std::optional<std::string_view> rack_id;
  std::optional<int32_t> rebalance_timeout_ms;
  std::optional<std::span<const std::string_view>> topics;
  std::optional<std::string_view> regex;  // empty: no longer any
  std::optional<std::string_view> assignor;
  std::optional<PartitionSet> owned;
  std::string_view client_id;
  std::string_view client_host;
  // Whether a member that joins may be without an id (version 0 alone).
  bool may_lack_member_id = false;
  // The id that it gets then: no two joins have the same.
  std::string_view fresh_id;
};

struct CommitAnswer {
  ErrorCode error = ErrorCode::kNone;  // of all partitions
  std::vector<ErrorCode> partitions;   // in the order of the request; empty where `error` is set
};

struct Commit {
  using Answer = CommitAnswer;
  struct Partition {
    TopicPartition partition;
    Offset offset;
    std::optional<LeaderEpoch> leader_epoch;
    std::string_view metadata;
  };

  std::string_view group_id;
  Identity who;
  std::optional<GenerationId> generation;  // none: not from a member
  std::optional<int64_t> retention_ms;     // none: the broker's
  // Whether the client knows GROUP_ID_NOT_FOUND here, and members' epochs in the place of
  // generations (OffsetCommit 9 and later).
  bool knows_group_id_not_found = true;
  std::span<const Partition> partitions;
};

struct FetchAnswer {
  struct Found {
    TopicPartition partition;
    CommittedOffset committed;
  };
  ErrorCode error = ErrorCode::kNone;
  std::vector<Found> found;  // in the order of topic id and partition
};

struct Fetch {
  using Answer = FetchAnswer;

  std::string_view group_id;
  // Of a member of a consumer group; none: from outside.
  std::optional<std::string_view> member_id;
  std::optional<MemberEpoch> member_epoch;
  bool all = false;
  std::span<const TopicPartition> partitions;  // where not all are asked for
};

struct DeleteOffsetsAnswer {
  ErrorCode error = ErrorCode::kNone;
  std::vector<ErrorCode> partitions;  // in the order of the request; empty where `error` is set
};

struct DeleteOffsets {
  using Answer = DeleteOffsetsAnswer;
  struct Partition {
    TopicPartition partition;
    std::string_view topic_name;
  };

  std::string_view group_id;
  std::span<const Partition> partitions;
};

struct DescribeAnswer {
  ErrorCode error = ErrorCode::kNone;
  Membership membership;
};

struct Describe {
  using Answer = DescribeAnswer;

  std::string_view group_id;
};

struct ConsumerDescribeAnswer {
  ErrorCode error = ErrorCode::kNone;
  ConsumerGroup group;
  Assignor assignor = Assignor::kUniform;
};

struct ConsumerDescribe {
  using Answer = ConsumerDescribeAnswer;

  std::string_view group_id;
};

struct ListAnswer {
  struct Listed {
    std::string group_id;
    std::string protocol_type;
    std::string_view state;  // Kafka's name of it
    bool is_consumer_group = false;
  };
  ErrorCode error = ErrorCode::kNone;
  std::vector<Listed> groups;
};

struct List {
  using Answer = ListAnswer;
};

struct DeleteAnswer {
  ErrorCode error = ErrorCode::kNone;
};

struct Delete {
  using Answer = DeleteAnswer;

  std::string_view group_id;
};

using Answer = std::variant<JoinAnswer, SyncAnswer, HeartbeatAnswer, LeaveAnswer,
                            ConsumerHeartbeatAnswer, CommitAnswer, FetchAnswer, DeleteOffsetsAnswer,
                            DescribeAnswer, ConsumerDescribeAnswer, ListAnswer, DeleteAnswer>;

}  // namespace millrace::core::group

// The records of a coordinator: every change of its durable state, and their bytes in a partition
// of __consumer_offsets.
//
// Pure. Format: docs/formats/groups.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <absl/status/statusor.h>

#include "broker/core/group/group.h"

namespace millrace::core::group {

struct PutGroup {
  std::string group_id;
  Membership membership;

  friend bool operator==(const PutGroup&, const PutGroup&) = default;
};

struct DeleteGroup {
  std::string group_id;

  friend bool operator==(const DeleteGroup&, const DeleteGroup&) = default;
};

// The group is a consumer group from here on; its members have records of their own.
struct PutConsumerGroup {
  std::string group_id;
  MemberEpoch epoch;
  MemberEpoch target_epoch;
  uint64_t topics_hash = 0;
  TimestampMs state_since;

  friend bool operator==(const PutConsumerGroup&, const PutConsumerGroup&) = default;
};

struct PutConsumerMember {
  std::string group_id;
  std::string member_id;
  ConsumerMember member;

  friend bool operator==(const PutConsumerMember&, const PutConsumerMember&) = default;
};

struct DeleteConsumerMember {
  std::string group_id;
  std::string member_id;

  friend bool operator==(const DeleteConsumerMember&, const DeleteConsumerMember&) = default;
};

struct PutOffset {
  std::string group_id;
  TopicPartition partition;
  CommittedOffset committed;

  friend bool operator==(const PutOffset&, const PutOffset&) = default;
};

struct DeleteOffset {
  std::string group_id;
  TopicPartition partition;

  friend bool operator==(const DeleteOffset&, const DeleteOffset&) = default;
};

using Record = std::variant<PutGroup, DeleteGroup, PutConsumerGroup, PutConsumerMember,
                            DeleteConsumerMember, PutOffset, DeleteOffset>;

// Key and value of a record in the log; no value deletes the key.
struct EncodedRecord {
  std::string key;
  std::optional<std::string> value;
};

EncodedRecord Encode(const Record& record);

// None: a kind of record that this version does not know. DataLossError: it does not parse.
absl::StatusOr<std::optional<Record>> Decode(std::string_view key,
                                             std::optional<std::string_view> value);

}  // namespace millrace::core::group

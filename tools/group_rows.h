// What `millrace group describe` shows of a group's partitions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/group_facts.h"

namespace millrace::tools {

struct GroupRow {
  TopicPartition at;
  std::optional<Offset> committed;
  std::optional<Offset> log_end;
  std::optional<int64_t> lag;           // none where one of the two is not known
  const GroupMember* member = nullptr;  // null: the partition is assigned to nobody
};

// Partitions that are assigned or have a committed offset: those whose end needs to be known.
TopicPartitions PartitionsOf(const GroupFacts& facts, const OffsetMap& committed);

// One for each of these, in the order of topic and partition. They point into `facts`.
std::vector<GroupRow> GroupRows(const GroupFacts& facts, const OffsetMap& committed,
                                const OffsetMap& log_ends);

}  // namespace millrace::tools

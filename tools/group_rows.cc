#include "tools/group_rows.h"

#include <map>

namespace millrace::tools {

namespace {

using Owners = std::multimap<TopicPartition, const GroupMember*>;

Owners OwnersOf(const GroupFacts& facts) {
  Owners owners;
  for (const GroupMember& member : facts.members) {
    if (!member.assignment.has_value()) continue;
    for (const TopicPartition& at : *member.assignment) owners.emplace(at, &member);
  }
  return owners;
}

std::optional<Offset> Find(const OffsetMap& offsets, const TopicPartition& at) {
  auto found = offsets.find(at);
  return found == offsets.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

TopicPartitions PartitionsOf(const GroupFacts& facts, const OffsetMap& committed) {
  TopicPartitions partitions;
  for (const GroupRow& row : GroupRows(facts, committed, {})) {
    if (partitions.empty() || partitions.back() != row.at) partitions.push_back(row.at);
  }
  return partitions;
}

std::vector<GroupRow> GroupRows(const GroupFacts& facts, const OffsetMap& committed,
                                const OffsetMap& log_ends) {
  // A partition that two members claim has two rows: that is a fact, too, and worth seeing.
  Owners owners = OwnersOf(facts);
  for (const auto& [at, offset] : committed) {
    if (!owners.contains(at)) owners.emplace(at, nullptr);
  }
  std::vector<GroupRow> rows;
  for (const auto& [at, member] : owners) {
    GroupRow row{.at = at,
                 .committed = Find(committed, at),
                 .log_end = Find(log_ends, at),
                 .member = member};
    if (row.committed.has_value() && row.log_end.has_value()) {
      row.lag = *row.log_end - *row.committed;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace millrace::tools

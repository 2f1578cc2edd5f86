// Where `millrace group reset-offsets` moves a group. Nothing here talks to a broker.
//
//   ResetPlan plan = PlanReset(ResetTo::kShift, -10, facts);
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/group_facts.h"

namespace millrace::tools {

enum class ResetTo {
  kEarliest,
  kLatest,
  kOffset,   // the number is the offset
  kShift,    // the number is added to the committed offset
  kTime,     // the first record at that time or later; none: the end
  kCurrent,  // what is committed, moved into the log's range; nothing committed: the end
  kFile,     // `wanted` of each partition
};

struct ResetFacts {
  TopicPartition at;
  std::optional<Offset> committed;
  Offset log_start;
  Offset log_end;
  std::optional<Offset> at_time;  // kTime only; none: no record is so young
  std::optional<Offset> wanted;   // kFile only
};

struct ResetRow {
  TopicPartition at;
  std::optional<Offset> committed;  // before
  Offset offset;                    // after
  // Where it was told to go, if that is outside of the log and it goes to its end instead. As a
  // plain number: a shift may lead before offset 0.
  std::optional<int64_t> outside;
};

struct ResetPlan {
  std::vector<ResetRow> rows;
  TopicPartitions unmovable;  // kShift: there is no committed offset to shift
};

ResetPlan PlanReset(ResetTo to, int64_t number, const std::vector<ResetFacts>& facts);

}  // namespace millrace::tools

#include "tools/reset_plan.h"

#include <algorithm>

namespace millrace::tools {

namespace {

// Adds without leaving what a number can hold.
int64_t Shifted(Offset offset, int64_t by) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(offset.value(), by, &sum)) return sum;
  return by < 0 ? INT64_MIN : INT64_MAX;
}

// None where the way does not lead anywhere.
std::optional<int64_t> Wanted(ResetTo to, int64_t number, const ResetFacts& facts) {
  switch (to) {
    case ResetTo::kEarliest:
      return facts.log_start.value();
    case ResetTo::kLatest:
      return facts.log_end.value();
    case ResetTo::kOffset:
      return number;
    case ResetTo::kShift:
      if (!facts.committed.has_value()) return std::nullopt;
      return Shifted(*facts.committed, number);
    case ResetTo::kTime:
      return facts.at_time.value_or(facts.log_end).value();
    case ResetTo::kCurrent:
      return facts.committed.value_or(facts.log_end).value();
    case ResetTo::kFile:
      return facts.wanted.value_or(facts.log_end).value();
  }
  return std::nullopt;
}

}  // namespace

ResetPlan PlanReset(ResetTo to, int64_t number, const std::vector<ResetFacts>& facts) {
  ResetPlan plan;
  for (const ResetFacts& one : facts) {
    std::optional<int64_t> wanted = Wanted(to, number, one);
    if (!wanted.has_value()) {
      plan.unmovable.push_back(one.at);
      continue;
    }
    // The end may be read before the start, and the start move in between.
    int64_t last = std::max(one.log_end.value(), one.log_start.value());
    int64_t inside = std::clamp(*wanted, one.log_start.value(), last);
    ResetRow row{.at = one.at, .committed = one.committed, .offset = Offset(inside)};
    if (inside != *wanted) row.outside = wanted;
    plan.rows.push_back(std::move(row));
  }
  return plan;
}

}  // namespace millrace::tools

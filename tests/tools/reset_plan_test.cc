#include "tools/reset_plan.h"

#include <catch2/catch.hpp>

namespace millrace::tools {
namespace {

ResetFacts Facts(int64_t start, int64_t end, std::optional<Offset> committed = std::nullopt) {
  return {.at = {"t", PartitionIndex(0)},
          .committed = committed,
          .log_start = Offset(start),
          .log_end = Offset(end)};
}

ResetRow Plan(ResetTo to, int64_t number, const ResetFacts& facts) {
  ResetPlan plan = PlanReset(to, number, {facts});
  CHECK(plan.unmovable.empty());
  REQUIRE(plan.rows.size() == 1);
  CHECK(plan.rows[0].at == facts.at);
  CHECK(plan.rows[0].committed == facts.committed);
  return plan.rows[0];
}

void CheckPlan(const ResetRow& row, int64_t offset, std::optional<int64_t> outside = std::nullopt) {
  CHECK(row.offset == Offset(offset));
  CHECK(row.outside == outside);
}

TEST_CASE("reset plan: where nothing is committed there is nothing to shift") {
  ResetPlan plan = PlanReset(ResetTo::kShift, -1, {Facts(0, 10), Facts(0, 10, Offset(5))});
  CHECK(plan.unmovable == TopicPartitions{{"t", PartitionIndex(0)}});
  REQUIRE(plan.rows.size() == 1);
  CheckPlan(plan.rows[0], 4);
}

TEST_CASE("reset plan: an offset outside of the log becomes its start or its end") {
  CheckPlan(Plan(ResetTo::kOffset, 4, Facts(5, 10)), 5, 4);
  CheckPlan(Plan(ResetTo::kOffset, 11, Facts(5, 10)), 10, 11);
  CheckPlan(Plan(ResetTo::kShift, -6, Facts(0, 10, Offset(5))), 0, -1);
  CheckPlan(Plan(ResetTo::kShift, 6, Facts(0, 10, Offset(5))), 10, 11);
  CheckPlan(Plan(ResetTo::kShift, INT64_MAX, Facts(0, 10, Offset(5))), 10, INT64_MAX);
  CheckPlan(Plan(ResetTo::kCurrent, 0, Facts(5, 10, Offset(3))), 5, 3);
  ResetFacts file = Facts(0, 10);
  file.wanted = Offset(12);
  CheckPlan(Plan(ResetTo::kFile, 0, file), 10, 12);
}

TEST_CASE("reset plan: each way leads where it says") {
  CheckPlan(Plan(ResetTo::kEarliest, 0, Facts(5, 10, Offset(7))), 5);
  CheckPlan(Plan(ResetTo::kLatest, 0, Facts(5, 10, Offset(7))), 10);
  CheckPlan(Plan(ResetTo::kOffset, 5, Facts(5, 10)), 5);
  CheckPlan(Plan(ResetTo::kOffset, 10, Facts(5, 10)), 10);
  CheckPlan(Plan(ResetTo::kShift, 2, Facts(5, 10, Offset(7))), 9);
  CheckPlan(Plan(ResetTo::kShift, -2, Facts(5, 10, Offset(7))), 5);
  CheckPlan(Plan(ResetTo::kCurrent, 0, Facts(5, 10, Offset(7))), 7);
  ResetFacts facts = Facts(5, 10, Offset(7));
  facts.at_time = Offset(6);
  facts.wanted = Offset(8);
  CheckPlan(Plan(ResetTo::kTime, 0, facts), 6);
  CheckPlan(Plan(ResetTo::kFile, 0, facts), 8);
}

TEST_CASE("reset plan: without a record so young, and without a committed offset, it is the end") {
  CheckPlan(Plan(ResetTo::kTime, 0, Facts(5, 10, Offset(7))), 10);
  CheckPlan(Plan(ResetTo::kCurrent, 0, Facts(5, 10)), 10);
}

TEST_CASE("reset plan: a log whose start has moved past the end that was read has one place") {
  CheckPlan(Plan(ResetTo::kOffset, 3, Facts(9, 7)), 9, 3);
}

}  // namespace
}  // namespace millrace::tools

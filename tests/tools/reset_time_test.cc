#include "tools/reset_time.h"

#include <catch2/catch.hpp>

namespace millrace::tools {
namespace {

constexpr int64_t kDayMs = 24 * 3600 * 1000;
constexpr int64_t kLeapDayMs = 1'709'164'800'000;  // 2024-02-29T00:00Z

void CheckTime(std::string_view text, int64_t expected) {
  INFO(text);
  auto time = ParseDateTime(text);
  REQUIRE(time.ok());
  CHECK(time->value() == expected);
}

void CheckDuration(std::string_view text, int64_t expected) {
  INFO(text);
  auto duration = ParseDurationMs(text);
  REQUIRE(duration.ok());
  CHECK(*duration == expected);
}

TEST_CASE("reset time: what is no date is refused by name") {
  for (const char* text : {"", "yesterday", "infinite-past", "2024", "2024-13-01", "2023-02-29",
                           "2024-02-29T25:00", "2024-02-29 12:30", "2024-02-29T12:30:45.678Zulu",
                           " 2024-02-29", "2024-02-29T12:30+1", "1700000000000"}) {
    INFO(text);
    auto time = ParseDateTime(text);
    REQUIRE_FALSE(time.ok());
    CHECK_THAT(std::string(time.status().message()), Catch::StartsWith(std::string("'") + text));
  }
  CHECK(ParseDateTime("1969-12-31T23:59:59").status().message() ==
        "'1969-12-31T23:59:59' is before 1970");
}

TEST_CASE("reset time: dates are UTC unless they say otherwise") {
  CheckTime("2024-02-29", kLeapDayMs);
  CheckTime("2024-02-29T00:00", kLeapDayMs);
  CheckTime("2024-02-29T00:00Z", kLeapDayMs);
  CheckTime("2024-02-29T01:00+01:00", kLeapDayMs);
  CheckTime("2024-02-28T22:30:00-0130", kLeapDayMs);
  CheckTime("2024-02-29T00:01:02.345", kLeapDayMs + 62'345);
  CheckTime("2024-02-29T00:01:02.345Z", kLeapDayMs + 62'345);
  CheckTime("1970-01-01", 0);
}

TEST_CASE("reset time: what is no duration is refused by name") {
  for (const char* text : {"",
                           "P",
                           "PT",
                           "1H",
                           "PT1",
                           "PT1X",
                           "P1H",
                           "PT1D",
                           "PT1M1H",
                           "PT1H1H",
                           "P1Y",
                           "P1M",
                           "-PT1H",
                           "PT-1H",
                           "PT1.5H",
                           "PT1.S",
                           "PT1H ",
                           "P1DT",
                           "PT99999999999999999999S",
                           "P99999999999999999W"}) {
    INFO(text);
    auto duration = ParseDurationMs(text);
    REQUIRE_FALSE(duration.ok());
    CHECK_THAT(std::string(duration.status().message()),
               Catch::StartsWith(std::string("'") + text));
  }
}

TEST_CASE("reset time: durations add up") {
  CheckDuration("PT0S", 0);
  CheckDuration("PT1H", 3'600'000);
  CheckDuration("pt90m", 5'400'000);
  CheckDuration("P1DT12H30M5.5S", kDayMs + 45'005'500);
  CheckDuration("P2W", 14 * kDayMs);
  CheckDuration("PT0.1234S", 123);
}

}  // namespace
}  // namespace millrace::tools

#include "broker/core/group/topic_pattern.h"

#include <string>
#include <utility>

#include <catch2/catch.hpp>

namespace millrace::core::group {
namespace {

TEST_CASE("topic pattern: what is no expression is told, and matches nothing") {
  for (const char* text : {"(", "*", "a{2,1}", "\\1"}) {
    INFO(text);
    TopicPattern pattern(text);
    CHECK_FALSE(pattern.is_valid());
    CHECK_FALSE(pattern.Matches(text));
  }
}

TEST_CASE("topic pattern: an expression that would take much memory or time is none") {
  CHECK_FALSE(TopicPattern("([a-z]?){1000}").is_valid());
  CHECK_FALSE(TopicPattern("((a{100}){100}){100}").is_valid());
}

TEST_CASE("topic pattern: the whole name must match") {
  TopicPattern pattern("logs-.*");
  CHECK(pattern.is_valid());
  CHECK(pattern.Matches("logs-a"));
  CHECK_FALSE(pattern.Matches("my-logs-a"));
  TopicPattern moved = std::move(pattern);
  CHECK(moved.Matches("logs-"));
  CHECK_FALSE(TopicPattern("logs").Matches("logs-a"));
}

}  // namespace
}  // namespace millrace::core::group

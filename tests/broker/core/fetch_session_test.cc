#include "broker/core/fetch_session.h"

#include <vector>

#include <catch2/catch.hpp>

namespace millrace::core {
namespace {

FetchedPartition Wanted(std::string topic, int32_t index, int64_t offset = 0) {
  return {.topic = std::move(topic),
          .index = PartitionIndex(index),
          .fetch_offset = Offset(offset),
          .max_bytes = 100};
}

PartitionRef Ref(std::string_view topic, int32_t index) {
  return {topic, TopicId{}, PartitionIndex(index)};
}

std::vector<int32_t> Order(const FetchSession& session) {
  std::vector<int32_t> order;
  for (const FetchedPartition& partition : session.partitions()) {
    order.push_back(partition.index.value());
  }
  return order;
}

TEST_CASE("fetch session: all sessions together have room for so many partitions") {
  FetchSessionCache cache(10, 5);
  CHECK(cache.Create(1, false, 6, 0) == nullptr);
  auto first = cache.Create(2, false, 3, 0);
  REQUIRE(first != nullptr);
  for (int32_t i = 0; i < 3; ++i)
    first->Put({.topic = "t", .topic_id = {}, .index = PartitionIndex(i)});
  CHECK(cache.Create(3, false, 3, 0) == nullptr);
  CHECK(cache.HasRoomFor(2));
  CHECK_FALSE(cache.HasRoomFor(3));
  // When the first has not been used for long, it makes room.
  CHECK(cache.Create(3, false, 3, 200'000) != nullptr);
  CHECK(cache.size() == 1);
}

TEST_CASE("fetch session: an id that nobody has is not found") {
  FetchSessionCache cache(2);
  CHECK(cache.Use({5, 1}, 0).error == ErrorCode::kFetchSessionIdNotFound);
}

TEST_CASE("fetch session: a wrong epoch is refused and changes nothing") {
  FetchSessionCache cache(2);
  REQUIRE(cache.Create(5, false, 1, 0) != nullptr);
  CHECK(cache.Use({5, 2}, 0).error == ErrorCode::kInvalidFetchSessionEpoch);
  CHECK(cache.Use({5, 0}, 0).error == ErrorCode::kInvalidFetchSessionEpoch);
  CHECK(cache.Use({5, 2}, 0).session == nullptr);
  CHECK(cache.Use({5, 1}, 0).error == ErrorCode::kNone);
}

TEST_CASE("fetch session: the epoch goes up with every use") {
  FetchSessionCache cache(2);
  auto session = cache.Create(5, false, 1, 0);
  for (int32_t epoch = 1; epoch < 5; ++epoch) {
    REQUIRE(cache.Use({5, epoch}, 0).session == session);
  }
  CHECK(cache.Use({5, 4}, 0).error == ErrorCode::kInvalidFetchSessionEpoch);
}

TEST_CASE("fetch session: a closed one is gone") {
  FetchSessionCache cache(2);
  REQUIRE(cache.Create(5, false, 1, 0) != nullptr);
  cache.Close(5);
  cache.Close(6);
  CHECK(cache.size() == 0);
  CHECK(cache.Use({5, 1}, 0).error == ErrorCode::kFetchSessionIdNotFound);
}

TEST_CASE("fetch session: no session when all slots were used lately, or the id is taken") {
  FetchSessionCache cache(2);
  REQUIRE(cache.Create(1, false, 1, 0) != nullptr);
  CHECK(cache.Create(1, false, 1, 0) == nullptr);
  REQUIRE(cache.Create(2, false, 1, 0) != nullptr);
  CHECK(cache.Create(3, false, 1, 119'999) == nullptr);
  CHECK(cache.size() == 2);
  FetchSessionCache none(0);
  CHECK(none.Create(1, false, 1, 0) == nullptr);
}

TEST_CASE("fetch session: the one that was not used for longest makes room") {
  FetchSessionCache cache(2);
  REQUIRE(cache.Create(1, false, 1, 0) != nullptr);
  REQUIRE(cache.Create(2, false, 1, 10) != nullptr);
  REQUIRE(cache.Use({1, 1}, 20).error == ErrorCode::kNone);
  REQUIRE(cache.Create(3, false, 1, 120'010) != nullptr);
  CHECK(cache.Use({2, 1}, 120'010).error == ErrorCode::kFetchSessionIdNotFound);
  CHECK(cache.Use({1, 2}, 120'010).error == ErrorCode::kNone);
  CHECK(cache.size() == 2);
}

TEST_CASE("fetch session: an evicted one may still be used by who holds it") {
  FetchSessionCache cache(1);
  auto held = cache.Create(1, false, 1, 0);
  REQUIRE(cache.Create(2, false, 1, 200'000) != nullptr);
  held->Put(Wanted("a", 0));
  CHECK(held->size() == 1);
}

TEST_CASE("fetch session: a partition that is named again keeps its place and what was sent") {
  FetchSession session(1, false);
  session.Put(Wanted("a", 0));
  session.Put(Wanted("a", 1));
  PartitionNews news{.high_watermark = Offset(3), .log_start = Offset(0)};
  CHECK(session.Report(Ref("a", 0), news));
  session.Put(Wanted("a", 0, 77));
  CHECK(session.size() == 2);
  CHECK(Order(session) == std::vector<int32_t>{0, 1});
  CHECK(session.partitions().front().fetch_offset == Offset(77));
  CHECK_FALSE(session.Report(Ref("a", 0), news));
}

TEST_CASE("fetch session: a partition that was forgotten is not reported") {
  FetchSession session(1, false);
  session.Put(Wanted("a", 0));
  session.Put(Wanted("b", 0));
  session.Forget(Ref("a", 0));
  session.Forget(Ref("a", 9));
  CHECK(session.size() == 1);
  CHECK(session.partitions().front().topic == "b");
  CHECK_FALSE(session.Report(Ref("a", 0), {.has_records = true}));
}

TEST_CASE("fetch session: only what changed is reported") {
  FetchSession session(1, false);
  session.Put(Wanted("a", 0));
  PartitionNews news{.high_watermark = Offset(3), .log_start = Offset(1)};
  CHECK(session.Report(Ref("a", 0), news));  // the first answer
  CHECK_FALSE(session.Report(Ref("a", 0), news));
  news.high_watermark = Offset(4);
  CHECK(session.Report(Ref("a", 0), news));
  CHECK_FALSE(session.Report(Ref("a", 0), news));
  news.log_start = Offset(2);
  CHECK(session.Report(Ref("a", 0), news));
  news.has_records = true;
  CHECK(session.Report(Ref("a", 0), news));
  CHECK(session.Report(Ref("a", 0), news));
  news.has_records = false;
  CHECK_FALSE(session.Report(Ref("a", 0), news));
  news.error = ErrorCode::kOffsetOutOfRange;
  CHECK(session.Report(Ref("a", 0), news));
  CHECK(session.Report(Ref("a", 0), news));  // an error is told as long as it lasts
  news.error = ErrorCode::kNone;
  CHECK(session.Report(Ref("a", 0), news));  // and its end
  CHECK_FALSE(session.Report(Ref("a", 0), news));
}

TEST_CASE("fetch session: a partition that got records goes behind the others") {
  FetchSession session(1, false);
  for (int32_t i = 0; i < 3; ++i) session.Put(Wanted("a", i));
  session.Report(Ref("a", 0), {.has_records = true});
  CHECK(Order(session) == std::vector<int32_t>{1, 2, 0});
  session.Report(Ref("a", 2), {.has_records = true});
  CHECK(Order(session) == std::vector<int32_t>{1, 0, 2});
  session.Report(Ref("a", 1), {.high_watermark = Offset(8)});
  CHECK(Order(session) == std::vector<int32_t>{1, 0, 2});
}

}  // namespace
}  // namespace millrace::core

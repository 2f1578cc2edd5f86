#include <algorithm>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/broker/support.h"

namespace millrace::test {
namespace {

using Values = std::vector<std::string>;

constexpr int32_t kHourMs = 3'600'000;

auto Fetch(TestClient& client, FetchCall& call) {
  return client.Call(call.request(), kFetchVersion);
}

TEST_CASE("fetch: unknown topics, partitions and offsets are refused one by one") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 4);
  Produce(client, "t", 0, BatchOf({"a", "b"}));
  FetchCall call;
  call.Add("t", 0, 3).Add("t", 0, -1).Add("t", 4, 0).Add("t", -1, 0).Add("t", 0, 0);
  call.Add("nobody", 0, 0);
  call.request().max_wait_ms = kHourMs;  // an error is answered at once
  auto answer = Fetch(client, call);
  REQUIRE(answer->responses.size() == 2);
  const auto& got = answer->responses[0].partitions;
  REQUIRE(got.size() == 5);
  CHECK(got[0].error_code == ErrorCode::kOffsetOutOfRange);
  CHECK(got[1].error_code == ErrorCode::kOffsetOutOfRange);
  CHECK(got[2].error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(got[3].error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(ValuesIn(got[4].records) == Values{"a", "b"});
  CHECK(answer->responses[1].partitions[0].error_code == ErrorCode::kUnknownTopicOrPartition);
  for (const auto& one : got) CHECK(one.records.bytes.has_value());  // never null
}

TEST_CASE("fetch: a leader epoch that is not ours is refused") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  FetchCall call;
  call.Add("t", 0, 0).request().topics[0].partitions[0].current_leader_epoch = LeaderEpoch(9);
  CHECK(client.Call(call.request(), kFetchVersion)->responses[0].partitions[0].error_code ==
        ErrorCode::kUnknownLeaderEpoch);
}

TEST_CASE("fetch: at the log end there are no records, which is not null") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  Produce(client, "t", 0, BatchOf({"a"}));
  for (int16_t version = 4; version <= 12; ++version) {
    for (int32_t max_wait_ms : {0, 1}) {
      FetchCall call;
      call.Add("t", 0, 1).request().max_wait_ms = max_wait_ms;
      auto answer = client.Call(call.request(), version);
      const auto& got = answer->responses[0].partitions[0];
      CHECK(got.error_code == ErrorCode::kNone);
      CHECK(got.high_watermark == Offset(1));
      REQUIRE(got.records.bytes.has_value());
      CHECK(got.records.bytes->empty());
    }
  }
}

TEST_CASE("fetch: one that waits is answered when records arrive, on any partition") {
  TestBroker broker(GENERATE(1, 4));
  TestClient consumer = broker.Connect(), producer = broker.Connect();
  CreateTopic(producer, "t", 4);
  for (int32_t p = 0; p < 4; ++p) {
    FetchCall call;
    for (int32_t q = 0; q < 4; ++q) call.Add("t", q, q < p ? 1 : 0);
    call.request().max_wait_ms = kHourMs;
    consumer.Send(call.request(), kFetchVersion);
    REQUIRE(Produce(producer, "t", p, BatchOf({"new"}), p % 2 == 0 ? -1 : 1).error_code ==
            ErrorCode::kNone);
    auto answer = consumer.Receive<wire::FetchRequest>(kFetchVersion);
    for (const auto& got : answer->responses[0].partitions) {
      Values expected = got.partition_index == PartitionIndex(p) ? Values{"new"} : Values{};
      CHECK(ValuesIn(got.records) == expected);
    }
  }
}

TEST_CASE("fetch: one that waits for more bytes is answered when there are so many") {
  TestBroker broker(GENERATE(1, 4));
  TestClient consumer = broker.Connect(), producer = broker.Connect();
  CreateTopic(producer, "t", 4);
  FetchCall call;
  for (int32_t p = 0; p < 4; ++p) call.Add("t", p, 0);
  call.request().max_wait_ms = kHourMs;
  call.request().min_bytes = 3000;
  consumer.Send(call.request(), kFetchVersion);
  for (int32_t p = 0; p < 4; ++p) Produce(producer, "t", p, LargeBatch(700));
  auto answer = consumer.Receive<wire::FetchRequest>(kFetchVersion);
  size_t total = 0;
  for (const auto& got : answer->responses[0].partitions) total += got.records.bytes->size();
  CHECK(total >= 3000);
}

TEST_CASE("fetch: one that waits for more than an answer holds is answered when that is full") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  Produce(client, "t", 0, LargeBatch(3000));
  FetchCall call;
  call.Add("t", 0, 0);
  call.request().max_wait_ms = 3'600'000;
  call.request().min_bytes = 100'000;
  call.request().max_bytes = 2000;
  CHECK(Fetch(client, call)->responses[0].partitions[0].records.bytes->size() >= 3000);
}

TEST_CASE("fetch: the end of an older segment is answered at once, whatever it is asked for") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, {{"segment.bytes", "1048576"}});
  const std::string value(600 << 10, 'x');
  for (int i = 0; i < 2; ++i) Produce(client, "t", 0, BatchOf({value}));
  FetchCall call;
  call.Add("t", 0, 0, 50 << 20);
  call.request().max_wait_ms = kHourMs;
  call.request().min_bytes = 50 << 20;
  auto answer = client.Call(call.request(), kFetchVersion);
  CHECK(ValuesIn(answer->responses[0].partitions[0].records).size() == 1);
}

TEST_CASE("fetch: one that waits in vain is answered when its time is over") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 4);
  Produce(client, "t", 1, BatchOf({"little"}));
  FetchCall call;
  for (int32_t p = 0; p < 4; ++p) call.Add("t", p, 0);
  call.request().max_wait_ms = 20;
  call.request().min_bytes = 100'000;
  auto answer = Fetch(client, call);
  Values all;
  for (const auto& got : answer->responses[0].partitions) {
    for (auto& value : ValuesIn(got.records)) all.push_back(value);
  }
  CHECK(all == Values{"little"});
}

TEST_CASE("fetch: the first batch comes whole though it is larger than asked for") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  Produce(client, "t", 0, LargeBatch(50'000));
  Produce(client, "t", 0, BatchOf({"second"}));
  for (auto [total, of_partition] : {std::pair{1 << 20, 1}, {1, 1 << 20}, {0, 0}}) {
    FetchCall call;
    call.Add("t", 0, 0, of_partition).request().max_bytes = total;
    Values values = ValuesIn(Fetch(client, call)->responses[0].partitions[0].records);
    REQUIRE(values.size() == 1);
    CHECK(values[0].size() == 50'000);
  }
}

TEST_CASE("fetch: max bytes bound the answer and each partition") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 4);
  for (int32_t p = 0; p < 4; ++p) {
    for (int i = 0; i < 10; ++i) Produce(client, "t", p, LargeBatch(1000), 1);
  }
  SECTION("of the answer") {
    FetchCall call;
    for (int32_t p = 0; p < 4; ++p) call.Add("t", p, 0);
    call.request().max_bytes = 15'000;
    size_t total = 0;
    auto answer = Fetch(client, call);
    for (const auto& got : answer->responses[0].partitions) total += got.records.bytes->size();
    CHECK(total > 10'000);
    CHECK(total <= 15'000);
  }
  SECTION("of a partition") {
    FetchCall call;
    for (int32_t p = 0; p < 4; ++p) call.Add("t", p, 2, 3500);
    auto answer = Fetch(client, call);
    for (const auto& got : answer->responses[0].partitions) {
      CHECK(got.records.bytes->size() > 1000);
      CHECK(got.records.bytes->size() <= 3500);
    }
  }
}

// Else a partition that comes late on the broker's side would starve while others have data.
TEST_CASE("fetch: where not all fits, the partition that is asked first is served first") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 4);
  for (int32_t p = 0; p < 4; ++p) Produce(client, "t", p, LargeBatch(1000));
  for (int32_t first = 0; first < 4; ++first) {
    FetchCall call;
    for (int32_t i = 0; i < 4; ++i) call.Add("t", (first + i) % 4, 0);
    call.request().max_bytes = 1;
    auto answer = Fetch(client, call);
    for (const auto& got : answer->responses[0].partitions) {
      INFO("first " << first << ", partition " << got.partition_index.value());
      CHECK(got.records.bytes->empty() == (got.partition_index != PartitionIndex(first)));
    }
  }
}

TEST_CASE("fetch: from the middle of a batch the whole batch is sent") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  Produce(client, "t", 0, BatchOf({"a", "b", "c"}));
  FetchCall call;
  call.Add("t", 0, 1);
  CHECK(ValuesIn(Fetch(client, call)->responses[0].partitions[0].records) == Values{"a", "b", "c"});
}

TEST_CASE("fetch: large answers come from files, small ones inline, both the same") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 3);
  for (int32_t p = 0; p < 3; ++p) {
    for (char c : {'a', 'b', 'c'}) Produce(client, "t", p, BatchOf({std::string(200'000, c)}), 1);
  }
  FetchCall call;
  for (int32_t p = 0; p < 3; ++p) call.Add("t", p, p);
  for (int16_t version = 4; version <= 12; ++version) {
    auto answer = client.Call(call.request(), version);
    for (const auto& got : answer->responses[0].partitions) {
      Values values = ValuesIn(got.records);
      REQUIRE(values.size() == 3 - static_cast<size_t>(got.partition_index.value()));
      CHECK(values.back() == std::string(200'000, 'c'));
    }
  }
}

TEST_CASE("fetch: read_committed sees what read_uncommitted sees, with a list of no aborts") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  Produce(client, "t", 0, BatchOf({"a"}));
  FetchCall call;
  call.Add("t", 0, 0).request().isolation_level = wire::IsolationLevel::kReadCommitted;
  auto answer = Fetch(client, call);
  const auto& got = answer->responses[0].partitions[0];
  CHECK(ValuesIn(got.records) == Values{"a"});
  CHECK(got.last_stable_offset == Offset(1));
  REQUIRE(got.aborted_transactions.has_value());
  CHECK(got.aborted_transactions->empty());
}

TEST_CASE("fetch: one that waits is answered when its topic is deleted") {
  TestBroker broker(GENERATE(1, 4));
  TestClient consumer = broker.Connect(), admin = broker.Connect();
  CreateTopic(admin, "t", 4);
  FetchCall call;
  for (int32_t p = 0; p < 4; ++p) call.Add("t", p, 0);
  call.request().max_wait_ms = kHourMs;
  consumer.Send(call.request(), kFetchVersion);
  CHECK(DeleteTopic(admin, "t") == ErrorCode::kNone);
  auto answer = consumer.Receive<wire::FetchRequest>(kFetchVersion);
  const auto& got = answer->responses[0].partitions;
  CHECK(std::any_of(got.begin(), got.end(), [](const auto& one) {
    return one.error_code == ErrorCode::kUnknownTopicOrPartition;
  }));
}

TEST_CASE("fetch session: an unknown id and a wrong epoch are refused") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  FetchCall call;
  call.Add("t", 0, 0).request().session_epoch = 0;
  int32_t id = Fetch(client, call)->session_id;
  REQUIRE(id != 0);
  FetchCall next;
  next.request().session_id = id;
  next.request().session_epoch = 5;
  CHECK(Fetch(client, next)->error_code == ErrorCode::kInvalidFetchSessionEpoch);
  next.request().session_id = id == 1 ? 2 : id - 1;
  next.request().session_epoch = 1;
  CHECK(Fetch(client, next)->error_code == ErrorCode::kFetchSessionIdNotFound);
  next.request().session_id = id;
  CHECK(Fetch(client, next)->error_code == ErrorCode::kNone);
}

TEST_CASE("fetch session: answers carry only what changed") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 4);
  FetchCall first;
  for (int32_t p = 0; p < 4; ++p) first.Add("t", p, 0);
  first.request().session_epoch = 0;
  auto full = Fetch(client, first);
  int32_t id = full->session_id;
  REQUIRE(id != 0);
  REQUIRE(full->responses.size() == 1);
  CHECK(full->responses[0].partitions.size() == 4);

  int32_t epoch = 0;
  auto use = [&](FetchCall& call) {
    call.request().session_id = id;
    call.request().session_epoch = ++epoch;
    auto answer = Fetch(client, call);
    CHECK(answer->error_code == ErrorCode::kNone);
    CHECK(answer->session_id == id);
    return answer;
  };
  FetchCall nothing;
  CHECK(use(nothing)->responses.empty());

  Produce(client, "t", 2, BatchOf({"a"}));
  auto news = use(nothing);
  REQUIRE(news->responses.size() == 1);
  REQUIRE(news->responses[0].partitions.size() == 1);
  CHECK(news->responses[0].partitions[0].partition_index == PartitionIndex(2));
  CHECK(ValuesIn(news->responses[0].partitions[0].records) == Values{"a"});

  FetchCall moved;  // the client goes on behind what it has got
  moved.Add("t", 2, 1);
  CHECK(use(moved)->responses.empty());

  FetchCall forgets;
  forgets.Forget("t", 2);
  CHECK(use(forgets)->responses.empty());
  Produce(client, "t", 2, BatchOf({"b"}));
  Produce(client, "t", 3, BatchOf({"c"}));
  auto rest = use(nothing);
  REQUIRE(rest->responses.size() == 1);
  REQUIRE(rest->responses[0].partitions.size() == 1);
  CHECK(rest->responses[0].partitions[0].partition_index == PartitionIndex(3));

  FetchCall end;
  end.request().session_id = id;
  end.request().session_epoch = -1;
  CHECK(Fetch(client, end)->session_id == 0);
  nothing.request().session_epoch = ++epoch;
  CHECK(Fetch(client, nothing)->error_code == ErrorCode::kFetchSessionIdNotFound);
}

TEST_CASE("fetch session: one that waits is answered with the changed partition alone") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect(), producer = broker.Connect();
  CreateTopic(client, "t", 4);
  FetchCall first;
  for (int32_t p = 0; p < 4; ++p) first.Add("t", p, 0);
  first.request().session_epoch = 0;
  int32_t id = Fetch(client, first)->session_id;
  FetchCall wait;
  wait.request().session_id = id;
  wait.request().session_epoch = 1;
  wait.request().max_wait_ms = kHourMs;
  client.Send(wait.request(), kFetchVersion);
  Produce(producer, "t", 1, BatchOf({"a"}));
  auto answer = client.Receive<wire::FetchRequest>(kFetchVersion);
  REQUIRE(answer->responses.size() == 1);
  REQUIRE(answer->responses[0].partitions.size() == 1);
  CHECK(ValuesIn(answer->responses[0].partitions[0].records) == Values{"a"});
}

TEST_CASE("fetch session: without a free slot the client is served without a session") {
  TestBroker broker(1, {{"max.incremental.fetch.session.cache.slots", "1"}});
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  FetchCall call;
  call.Add("t", 0, 0).request().session_epoch = 0;
  CHECK(Fetch(client, call)->session_id != 0);
  auto second = Fetch(client, call);
  CHECK(second->session_id == 0);
  CHECK(second->responses.size() == 1);
}

}  // namespace
}  // namespace millrace::test

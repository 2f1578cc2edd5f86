// Fetches of records that are not in the page cache, on a broker whose disk the tests decide about.
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/broker/support.h"
#include "tests/support/cold_file_system.h"

namespace millrace::test {
namespace {

constexpr int32_t kHourMs = 3'600'000;
constexpr int kBatches = 20;
constexpr size_t kValueBytes = 100 << 10;

// Two topics of two partitions: "old" has large batches and is cold but for what is near its end,
// "new" has a record in each partition.
class ColdBroker {
 public:
  explicit ColdBroker(size_t shards) : broker_(shards, {}, &fs) {
    TestClient client = broker_.Connect();
    CreateTopic(client, "old", 2, {{"segment.bytes", "1048576"}});
    CreateTopic(client, "new", 2);
    for (int32_t p = 0; p < 2; ++p) {
      for (int i = 0; i < kBatches; ++i) Produce(client, "old", p, BatchOf({ValueOf(i)}));
      Produce(client, "new", p, BatchOf({"fresh"}));
    }
    fs.Evict("/old-");
  }
  ~ColdBroker() {
    fs.FailLoads(absl::OkStatus());
    fs.LetLoadsGo();
  }

  static std::string ValueOf(int i) {
    return std::string(kValueBytes, static_cast<char>('a' + i % 26));
  }
  TestClient Connect() { return broker_.Connect(); }
  int64_t cold_reads() const { return fs.cache().cold_reads(); }

  ColdFileSystem fs;

 private:
  TestBroker broker_;
};

FetchCall Old(int64_t offset = 0, int32_t max_bytes = 1 << 20) {
  FetchCall call;
  call.Add("old", 0, offset, max_bytes);
  return call;
}

TEST_CASE("cold fetch: every record comes, and no shard waits for the disk") {
  ColdBroker cold(GENERATE(1, 4));
  TestClient client = cold.Connect();
  for (int32_t p = 0; p < 2; ++p) {
    std::vector<std::string> values = ReadAll(client, "old", p);
    REQUIRE(values.size() == kBatches);
    for (int i = 0; i < kBatches; ++i) CHECK(values[static_cast<size_t>(i)] == cold.ValueOf(i));
  }
  CHECK(cold.cold_reads() == 0);
  CHECK_FALSE(cold.fs.cache().loads().empty());
}

TEST_CASE("cold fetch: other connections go on while it waits, and answers keep their order") {
  ColdBroker cold(GENERATE(1, 4));
  TestClient reader = cold.Connect(), other = cold.Connect();
  cold.fs.HoldLoads();
  FetchCall old = Old(), fresh;
  fresh.Add("new", 0, 0);
  reader.Send(old.request(), kFetchVersion);
  reader.Send(fresh.request(), kFetchVersion);
  cold.fs.AwaitHeldLoads(1);
  CHECK(ValuesIn(other.Call(fresh.request(), kFetchVersion)->responses[0].partitions[0].records) ==
        std::vector<std::string>{"fresh"});
  CHECK(Produce(other, "old", 0, BatchOf({"more"})).error_code == ErrorCode::kNone);
  cold.fs.LetLoadsGo();
  auto first = reader.Receive<wire::FetchRequest>(kFetchVersion);
  CHECK(ValuesIn(first->responses[0].partitions[0].records).at(0) == cold.ValueOf(0));
  auto second = reader.Receive<wire::FetchRequest>(kFetchVersion);
  CHECK(ValuesIn(second->responses[0].partitions[0].records).at(0) == "fresh");
}

TEST_CASE("cold fetch: small answers, which are read with their header, are loaded before, too") {
  ColdBroker cold(1);
  TestClient client = cold.Connect();
  CreateTopic(client, "small", 1);
  for (int i = 0; i < 100; ++i) Produce(client, "small", 0, BatchOf({"v"}));
  cold.fs.Evict("/small-");
  CHECK(ReadAll(client, "small", 0).size() == 100);
  CHECK(cold.cold_reads() == 0);
}

TEST_CASE("cold fetch: records that the disk does not give are a storage error, and others serve") {
  ColdBroker cold(GENERATE(1, 4));
  TestClient client = cold.Connect();
  cold.fs.FailLoads(absl::InternalError("EIO"));
  FetchCall call;
  call.Add("new", 0, 0).Add("old", 0, 0);
  call.request().max_wait_ms = kHourMs;
  call.request().min_bytes = 1 << 20;
  auto answer = client.Call(call.request(), kFetchVersion);
  REQUIRE(answer->responses.size() == 2);
  CHECK(ValuesIn(answer->responses[0].partitions[0].records).size() == 1);
  CHECK(answer->responses[1].partitions[0].error_code == ErrorCode::kKafkaStorageError);
  CHECK(answer->responses[1].partitions[0].high_watermark == Offset(kBatches));
  CHECK(answer->responses[1].partitions[0].records.bytes->empty());
  // Nothing is offline: writes go on, and reads when the disk gives the records again.
  CHECK(Produce(client, "old", 0, BatchOf({"more"})).error_code == ErrorCode::kNone);
  cold.fs.FailLoads(absl::OkStatus());
  CHECK(ReadAll(client, "old", 0).size() == kBatches + 1);
}

TEST_CASE("cold fetch: a topic that is deleted while it waits is answered as unknown") {
  ColdBroker cold(GENERATE(1, 4));
  TestClient reader = cold.Connect(), other = cold.Connect();
  cold.fs.HoldLoads();
  FetchCall old = Old();
  reader.Send(old.request(), kFetchVersion);
  cold.fs.AwaitHeldLoads(1);
  CHECK(DeleteTopic(other, "old") == ErrorCode::kNone);
  cold.fs.LetLoadsGo();
  CHECK(reader.Receive<wire::FetchRequest>(kFetchVersion)->responses[0].partitions[0].error_code ==
        ErrorCode::kUnknownTopicOrPartition);
}

TEST_CASE("cold fetch: a client may leave while it waits") {
  ColdBroker cold(GENERATE(1, 4));
  cold.fs.HoldLoads();
  {
    TestClient reader = cold.Connect();
    FetchCall old = Old();
    reader.Send(old.request(), kFetchVersion);
    cold.fs.AwaitHeldLoads(1);
  }
  cold.fs.LetLoadsGo();
  TestClient client = cold.Connect();
  CHECK(ReadAll(client, "old", 0).size() == kBatches);
}

TEST_CASE("cold fetch: the disk is waited for although the client does not want to wait") {
  ColdBroker cold(1);
  TestClient client = cold.Connect();
  FetchCall call = Old();
  call.request().max_wait_ms = 0;
  CHECK_FALSE(
      ValuesIn(client.Call(call.request(), kFetchVersion)->responses[0].partitions[0].records)
          .empty());
}

TEST_CASE("cold fetch: one that asks for more than there is waits for it after its load") {
  ColdBroker cold(GENERATE(1, 4));
  TestClient reader = cold.Connect(), other = cold.Connect();
  // The first of a new segment, so that all three are in one.
  Produce(other, "old", 0, BatchOf({cold.ValueOf(5)}));
  cold.fs.Evict("/old-");
  FetchCall call = Old(kBatches, 50 << 20);
  call.request().max_wait_ms = kHourMs;
  call.request().min_bytes = static_cast<int32_t>(3 * kValueBytes);
  reader.Send(call.request(), kFetchVersion);
  Produce(other, "old", 0, BatchOf({cold.ValueOf(6)}));
  Produce(other, "old", 0, BatchOf({cold.ValueOf(7)}));
  auto answer = reader.Receive<wire::FetchRequest>(kFetchVersion);
  CHECK(ValuesIn(answer->responses[0].partitions[0].records).size() == 3);
  CHECK(cold.cold_reads() == 0);
}

TEST_CASE("cold fetch: an incremental session gets cold records once they are loaded") {
  ColdBroker cold(GENERATE(1, 4));
  TestClient client = cold.Connect();
  FetchCall first;
  first.Add("old", 0, 0).Add("new", 0, 1);
  first.request().session_epoch = 0;
  auto full = client.Call(first.request(), kFetchVersion);
  REQUIRE(full->session_id != 0);
  CHECK(full->responses.size() == 2);
  FetchCall next;
  next.Add("old", 0, 12);
  next.request().session_id = full->session_id;
  next.request().session_epoch = 1;
  auto news = client.Call(next.request(), kFetchVersion);
  CHECK(news->error_code == ErrorCode::kNone);
  REQUIRE(news->responses.size() == 1);
  CHECK(ValuesIn(news->responses[0].partitions[0].records).at(0) == cold.ValueOf(12));
}

TEST_CASE("cold fetch: a look-up by time loads what it needs") {
  ColdBroker cold(GENERATE(1, 4));
  TestClient client = cold.Connect();
  auto found = ListOffset(client, "old", 0, 1'700'000'000'000);
  CHECK(found.error_code == ErrorCode::kNone);
  CHECK(found.offset == Offset(0));
  cold.fs.Evict("/old-");
  cold.fs.FailLoads(absl::InternalError("EIO"));
  CHECK(ListOffset(client, "old", 0, 1'700'000'000'000).error_code ==
        ErrorCode::kKafkaStorageError);
}

TEST_CASE("cold fetch: the broker stops while fetches wait for the disk") {
  ColdBroker cold(GENERATE(1, 4));
  TestClient reader = cold.Connect();
  cold.fs.HoldLoads();
  FetchCall old = Old();
  reader.Send(old.request(), kFetchVersion);
  cold.fs.AwaitHeldLoads(1);
  cold.fs.LetLoadsGo();
}

}  // namespace
}  // namespace millrace::test

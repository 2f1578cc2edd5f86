// Compacted topics in a whole broker.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>

#include <catch2/catch.hpp>

#include "proto/record/open_batch.h"
#include "tests/broker/support.h"

namespace millrace::test {
namespace {

const std::vector<TopicConfig> kCompacted = {{"cleanup.policy", "compact"},
                                             {"segment.bytes", "1048576"},
                                             {"min.cleanable.dirty.ratio", "0"}};
const std::vector<NameAndValue> kEager = {{"log.cleaner.backoff.ms", "1"}};
constexpr int kBatches = 40;
constexpr int kKeys = 3;
constexpr size_t kValueBytes = 200'000;

Batch KeyedBatch(const std::string& key, const std::string& value) {
  record::BatchBuilder builder({});
  builder.Add({.timestamp = TimestampMs(1'700'000'000'000),
               .key = std::as_bytes(std::span(key)),
               .value = std::as_bytes(std::span(value))});
  auto batch = std::move(builder).Build();
  REQUIRE(batch.ok());
  return *std::move(batch);
}

// Eight segments of five batches, of which all but the last can be cleaned.
void Fill(TestClient& client) {
  for (int i = 0; i < kBatches; ++i) {
    const std::string value = std::to_string(i) + std::string(kValueBytes, ' ');
    auto produced = Produce(client, "t", 0, KeyedBatch("key" + std::to_string(i % kKeys), value));
    REQUIRE(produced.error_code == ErrorCode::kNone);
    REQUIRE(produced.base_offset == Offset(i));
  }
}

uintmax_t LogBytes(const TestBroker& broker) {
  uintmax_t bytes = 0;
  std::error_code gone;  // a file may be replaced just then
  for (const auto& entry : std::filesystem::directory_iterator(broker.directory() + "/t-0", gone)) {
    if (entry.path().extension() == ".log") bytes += entry.file_size(gone);
  }
  return bytes;
}

void WaitUntilCleaned(const TestBroker& broker) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  // The active segment, and one record for each key.
  while (LogBytes(broker) > (1 << 20) + kKeys * (kValueBytes + 1000)) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  }
}

// What a consumer knows after it has read everything, going on behind each batch.
std::map<int, int> LastOfKeys(TestClient& client) {
  std::map<int, int> last;
  for (int64_t offset = 0;;) {
    FetchCall call;
    call.Add("t", 0, offset);
    auto answer = client.Call(call.request(), kFetchVersion);
    const auto& got = answer->responses[0].partitions[0];
    REQUIRE(got.error_code == ErrorCode::kNone);
    for (const std::string& value : ValuesIn(got.records)) {
      const int number = std::stoi(value);
      last[number % kKeys] = number;
    }
    wire::Bytes rest = *got.records.bytes;
    if (!record::IsIntact(rest)) return last;
    for (; record::IsIntact(rest);
         rest = rest.subspan(static_cast<size_t>(record::BatchView(rest).size_bytes()))) {
      offset = record::BatchView(rest).next_offset().value();
    }
  }
}

}  // namespace

TEST_CASE("compaction: of a compacted topic the last record of each key stays") {
  TestBroker broker(GENERATE(1, 4), kEager);
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, kCompacted);
  Fill(client);
  WaitUntilCleaned(broker);
  const std::map<int, int> expected = {{0, 39}, {1, 37}, {2, 38}};
  CHECK(LastOfKeys(client) == expected);
  broker.Restart();
  TestClient again = broker.Connect();
  CHECK(LastOfKeys(again) == expected);
  CHECK(std::filesystem::exists(broker.directory() + "/cleaner-offset-checkpoint"));
  auto next = Produce(again, "t", 0, KeyedBatch("key0", "40"));
  CHECK(next.base_offset == Offset(kBatches));
}

TEST_CASE("compaction: a record without a key is refused") {
  TestBroker broker(1, kEager);
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, kCompacted);
  CHECK(Produce(client, "t", 0, BatchOf({"no key"})).error_code == ErrorCode::kInvalidRecord);
}

TEST_CASE("compaction: a topic can be deleted, and the broker stopped, while a cleaning crawls") {
  TestBroker broker(
      1, {{"log.cleaner.backoff.ms", "1"}, {"log.cleaner.io.max.bytes.per.second", "1"}});
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, kCompacted);
  Fill(client);
  CHECK(DeleteTopic(client, "t") == ErrorCode::kNone);
  CreateTopic(client, "t", 1, kCompacted);
  Fill(client);
}

TEST_CASE("compaction: nothing is cleaned where log.cleaner.enable is false") {
  TestBroker broker(1, {{"log.cleaner.backoff.ms", "1"}, {"log.cleaner.enable", "false"}});
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, kCompacted);
  Fill(client);
  CHECK(ReadAll(client, "t", 0).size() == kBatches);
}

}  // namespace millrace::test

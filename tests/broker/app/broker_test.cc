// Starting, stopping and starting again.
#include "broker/app/broker.h"

#include <filesystem>
#include <random>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/broker/support.h"

namespace millrace::test {
namespace {

using Catch::Matchers::Contains;
using Values = std::vector<std::string>;

constexpr int32_t kHourMs = 3'600'000;

TEST_CASE("broker: a second one on the same directory is refused and harms nothing") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  auto second = EmbeddedBroker::Start({.data_directory = broker.directory(), .properties = {}});
  REQUIRE_FALSE(second.ok());
  CHECK_THAT(std::string(second.status().message()), Contains(broker.directory()));
  CHECK(Produce(client, "t", 0, BatchOf({"x"})).error_code == ErrorCode::kNone);
}

TEST_CASE("broker: a port in use is refused before any file is touched") {
  TestBroker broker(1);
  TemporaryDirectory empty;
  auto second = EmbeddedBroker::Start(
      {.data_directory = empty.path(), .properties = {}, .port = broker.port()});
  CHECK(second.status().code() == absl::StatusCode::kAlreadyExists);
  CHECK_THAT(std::string(second.status().message()),
             Contains(std::to_string(broker.port())) && Contains("in use"));
  CHECK(std::filesystem::is_empty(empty.path()));
}

TEST_CASE("broker: topics, records and settings are there after a restart") {
  TestBroker broker(GENERATE(1, 4));
  std::string cluster_id = broker.broker().cluster_id();
  TopicId id;
  {
    TestClient client = broker.Connect();
    id = CreateTopic(client, "t", 4, {{"max.message.bytes", "2000"}});
    for (int32_t p = 0; p < 4; ++p) {
      Produce(client, "t", p, BatchOf({fmt::format("all {}", p)}));
      Produce(client, "t", p, BatchOf({fmt::format("one {}", p)}), 1);
    }
  }
  for (int round = 0; round < 2; ++round) {
    broker.Restart();
    TestClient client = broker.Connect();
    CHECK(broker.broker().cluster_id() == cluster_id);
    CHECK(client.Call(wire::MetadataRequest{}, 12)->topics[0].topic_id == id);
    for (int32_t p = 0; p < 4; ++p) {
      CHECK(ReadAll(client, "t", p) == Values{fmt::format("all {}", p), fmt::format("one {}", p)});
    }
    CHECK(Produce(client, "t", 0, LargeBatch(3000)).error_code == ErrorCode::kMessageTooLarge);
  }
}

TEST_CASE("broker: a restart with another number of shards finds everything") {
  TemporaryDirectory directory;
  for (size_t shards : {1, 4, 3}) {
    auto broker = EmbeddedBroker::Start(
        {.data_directory = directory.path(), .shards = shards, .properties = {}});
    REQUIRE(broker.ok());
    TestClient client((*broker)->port());
    if (shards == 1) CreateTopic(client, "t", 8);
    for (int32_t p = 0; p < 8; ++p) {
      if (shards == 1) Produce(client, "t", p, BatchOf({fmt::format("{}", p)}));
      CHECK(ReadAll(client, "t", p) == Values{fmt::format("{}", p)});
    }
    CHECK((*broker)->Stop().ok());
  }
}

TEST_CASE("broker: stopping does not wait for who waits, and ends all connections") {
  TestBroker broker(GENERATE(1, 4));
  TestClient waiting = broker.Connect(), idle = broker.Connect();
  CreateTopic(idle, "t", 4);
  FetchCall call;
  for (int32_t p = 0; p < 4; ++p) call.Add("t", p, 0);
  call.request().max_wait_ms = kHourMs;
  waiting.Send(call.request(), kFetchVersion);
  // Whether the broker has parked the fetch by now or never sees it: it must not wait an hour.
  CHECK(idle.Call(wire::MetadataRequest{}, 12)->topics.size() == 1);
  CHECK(broker.broker().Stop().ok());
  CHECK(idle.IsClosedByBroker());
}

TEST_CASE("broker: stopping while producers are at work loses nothing that was answered") {
  TestBroker broker(GENERATE(1, 4));
  TestClient producer = broker.Connect();
  CreateTopic(producer, "t");
  constexpr int kSent = 200;
  for (int i = 0; i < kSent; ++i) {
    ProduceCall call;
    call.Add("t", 0, BatchOf({fmt::format("{}", i)})).request().acks = i % 2 == 0 ? -1 : 1;
    producer.Send(call.request(), kProduceVersion);
  }
  REQUIRE(producer.Receive<wire::ProduceRequest>(kProduceVersion)
              ->responses[0]
              .partition_responses[0]
              .error_code == ErrorCode::kNone);
  broker.Restart();
  int64_t answered = 1;
  while (auto frame = producer.ReceiveFrame()) {
    auto decoded = wire::DecodeResponseFrame(*frame, 1);
    REQUIRE(decoded.has_value());
    wire::Arena arena;
    wire::ProduceResponse response;
    REQUIRE(wire::DecodeMessage(decoded->body, kProduceVersion, arena, response) == nullptr);
    const auto& result = response.responses[0].partition_responses[0];
    if (result.error_code == ErrorCode::kNone) answered = result.base_offset->value() + 1;
  }
  TestClient client = broker.Connect();
  Values values = ReadAll(client, "t", 0);
  REQUIRE(values.size() >= static_cast<size_t>(answered));
  for (size_t i = 0; i < values.size(); ++i) CHECK(values[i] == fmt::format("{}", i));
}

TEST_CASE("broker: a topic that is made again after retention and a restart starts at 0") {
  TestBroker broker(GENERATE(1, 4), {{"log.retention.check.interval.ms", "1"}});
  {
    TestClient client = broker.Connect();
    CreateTopic(
        client, "t", 1,
        {{"segment.bytes", "1048576"}, {"retention.bytes", "1048576"}, {"retention.ms", "-1"}});
    for (int i = 0; i < 6; ++i) Produce(client, "t", 0, LargeBatch(700'000));
    // The log's start moves when the broker looks after it; asked until it has.
    while (ListOffset(client, "t", 0, wire::kEarliestTimestamp).offset == Offset(0)) {
    }
  }
  broker.Restart();
  TestClient client = broker.Connect();
  CHECK(ListOffset(client, "t", 0, wire::kEarliestTimestamp).offset > Offset(0));
  CHECK(DeleteTopic(client, "t") == ErrorCode::kNone);
  CreateTopic(client, "t", 1, {{"retention.ms", "-1"}});
  CHECK(ListOffset(client, "t", 0, wire::kEarliestTimestamp).offset == Offset(0));
  CHECK(Produce(client, "t", 0, BatchOf({"new"})).base_offset == Offset(0));
  CHECK(ReadAll(client, "t", 0) == Values{"new"});
}

// One step of a client that does anything to a few topics; answers are not looked at closely, for
// what is right depends on the others.
class RandomClient {
 public:
  explicit RandomClient(TestClient client) : client_(std::move(client)) {}

  void Send(std::mt19937_64& random) {
    step_ = static_cast<Step>(random() % 6);
    std::string name = fmt::format("t{}", random() % 3);
    auto partition = static_cast<int32_t>(random() % 4);
    switch (step_) {
      case Step::kCreate: {
        std::vector<wire::CreateTopicsRequest::Topic> topics(1);
        topics[0] = {.name = name, .num_partitions = 4, .replication_factor = 1};
        client_.Send(wire::CreateTopicsRequest{.topics = ArrayOf(topics)}, 7);
        break;
      }
      case Step::kDelete: {
        std::vector<std::string_view> names{name};
        client_.Send(wire::DeleteTopicsRequest{.topic_names = ArrayOf(names)}, 5);
        break;
      }
      case Step::kMetadata:
        client_.Send(wire::MetadataRequest{}, 12);
        break;
      case Step::kProduce:
      case Step::kProduceLarge: {
        ProduceCall call;
        for (int32_t p = 0; p <= partition; ++p) {
          call.Add(name, p, LargeBatch(step_ == Step::kProduce ? 100 : 200'000));
        }
        call.request().acks = random() % 2 == 0 ? -1 : 1;
        client_.Send(call.request(), kProduceVersion);
        break;
      }
      case Step::kFetch: {
        FetchCall call;
        for (int32_t p = 0; p <= partition; ++p) call.Add(name, p, 0);
        call.request().max_wait_ms = static_cast<int32_t>(random() % 3);
        call.request().min_bytes = 300;
        client_.Send(call.request(), kFetchVersion);
        break;
      }
    }
  }
  void Receive() {
    switch (step_) {
      case Step::kCreate:
        client_.Receive<wire::CreateTopicsRequest>(7);
        break;
      case Step::kDelete:
        client_.Receive<wire::DeleteTopicsRequest>(5);
        break;
      case Step::kMetadata:
        client_.Receive<wire::MetadataRequest>(12);
        break;
      case Step::kProduce:
      case Step::kProduceLarge:
        client_.Receive<wire::ProduceRequest>(kProduceVersion);
        break;
      case Step::kFetch: {
        auto answer = client_.Receive<wire::FetchRequest>(kFetchVersion);
        for (const auto& got : answer->responses[0].partitions) {
          for (const std::string& value : ValuesIn(got.records)) {
            REQUIRE(value.find_first_not_of('L') == std::string::npos);
          }
        }
        break;
      }
    }
  }

 private:
  enum class Step { kCreate, kDelete, kMetadata, kProduce, kProduceLarge, kFetch };

  TestClient client_;
  Step step_ = Step::kMetadata;
};

TEST_CASE("broker: topics come and go while clients work on them, and a restart finds the rest") {
  uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  TestBroker broker(GENERATE(1, 4), {{"log.segment.bytes", "1048576"}});
  {
    std::vector<RandomClient> clients;
    for (int i = 0; i < 8; ++i) clients.emplace_back(broker.Connect());
    for (int round = 0; round < 40; ++round) {
      for (RandomClient& client : clients) client.Send(random);
      for (RandomClient& client : clients) client.Receive();
    }
  }
  TestClient before = broker.Connect();
  size_t topics = before.Call(wire::MetadataRequest{}, 12)->topics.size();
  broker.Restart();
  TestClient client = broker.Connect();
  auto answer = client.Call(wire::MetadataRequest{}, 12);
  CHECK(answer->topics.size() == topics);
  for (const auto& topic : answer->topics) {
    for (int32_t p = 0; p < 4; ++p) {
      std::string name(topic.name.value_or(""));
      size_t count = ReadAll(client, name, p).size();
      CHECK(ListOffset(client, name, p, wire::kLatestTimestamp).offset ==
            Offset(static_cast<int64_t>(count)));
    }
  }
}

}  // namespace
}  // namespace millrace::test

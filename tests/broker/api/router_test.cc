// Requests that no sound client sends: whatever they hold, the broker answers or closes the
// connection, and serves the next one.
#include "broker/api/router.h"

#include <cstring>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "tests/broker/support.h"
#include "tests/proto/wire/support.h"

namespace millrace::test {
namespace {

constexpr int32_t kSmallest = std::numeric_limits<int32_t>::min();
constexpr int32_t kLargest = std::numeric_limits<int32_t>::max();

bool IsWell(TestClient client) {
  return client.Call(wire::ApiVersionsRequest{"a", "1"}, 3)->error_code == ErrorCode::kNone;
}

// A frame of any API with this body; acks=0 and closing are answers too, so none is waited for.
void SendBody(TestClient& client, const api::Api& api, int16_t version,
              const std::vector<std::byte>& body) {
  wire::ByteBuffer buffer;
  wire::FrameWriter frame(buffer);
  wire::EncodeHeader(buffer, wire::RequestHeader{api.key, version, 1, "fuzz"},
                     version >= api.flexible_from ? 2 : 1);
  buffer.Append(body);
  frame.Finish({});
  client.SendRaw(buffer.bytes());
}

// The well-formed but senseless body of a request.
struct SendInvented {
  template <class Message>
  void operator()(const char* kind) {
    if (std::strcmp(kind, "request") != 0) return;
    for (const api::Api& api : api::Apis()) {
      if (api.key != Message::kInfo.key) continue;
      for (int16_t version = api.min_version; version <= api.max_version; ++version) {
        TestClient client(port);
        SendBody(client, api, version, wire::RandomMessage<Message>(seed, version));
      }
    }
  }

  uint16_t port;
  uint64_t seed;
};

TEST_CASE("router: bodies of random bytes harm nobody") {
  TestBroker broker(GENERATE(1, 4));
  uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 5; ++round) {
    for (const api::Api& api : api::Apis()) {
      for (int16_t version = api.min_version; version <= api.max_version; ++version) {
        std::vector<std::byte> body(random() % 100);
        for (std::byte& one : body) one = static_cast<std::byte>(random() % 3 == 0 ? random() : 0);
        TestClient client = broker.Connect();
        SendBody(client, api, version, body);
      }
    }
    CHECK(IsWell(broker.Connect()));
  }
}

TEST_CASE("router: invented requests harm nobody") {
  TestBroker broker(GENERATE(1, 4), {{"auto.create.topics.enable", "false"}});
  uint64_t seed = std::random_device()() % 1'000'000;
  INFO("seed " << seed);
  for (uint64_t round = 0; round < 5; ++round) {
    wire::ForEachMessage(SendInvented{broker.port(), seed + round});
    CHECK(IsWell(broker.Connect()));
  }
}

TEST_CASE("fetch: the smallest and largest numbers of every field are answered") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  Produce(client, "t", 0, BatchOf({"a"}));
  for (int32_t number : {kSmallest, -1, 0, kLargest}) {
    FetchCall call;
    call.Add("t", 0, 0, number).Add("t", number, 0);
    call.Add("t", 0, std::numeric_limits<int64_t>::max());
    call.Add("t", 0, std::numeric_limits<int64_t>::min());
    call.request().max_bytes = number;
    call.request().min_bytes = number;
    call.request().max_wait_ms = number;
    auto answer = client.Call(call.request(), kFetchVersion);
    const auto& got = answer->responses[0].partitions;
    REQUIRE(got.size() == 4);
    CHECK(got[0].error_code == ErrorCode::kNone);
    CHECK(got[2].error_code == ErrorCode::kOffsetOutOfRange);
    CHECK(got[3].error_code == ErrorCode::kOffsetOutOfRange);
  }
}

TEST_CASE("list offsets: the smallest and largest numbers are answered") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  Produce(client, "t", 0, BatchOf({"a"}));
  CHECK_FALSE(ListOffset(client, "t", 0, std::numeric_limits<int64_t>::max()).offset.has_value());
  CHECK(ListOffset(client, "t", 0, std::numeric_limits<int64_t>::min()).error_code ==
        ErrorCode::kUnsupportedVersion);
  for (int32_t partition : {kSmallest, kLargest}) {
    CHECK(ListOffset(client, "t", partition, -1).error_code == ErrorCode::kUnknownTopicOrPartition);
  }
}

}  // namespace
}  // namespace millrace::test

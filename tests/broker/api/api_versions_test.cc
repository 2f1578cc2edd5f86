#include <catch2/catch.hpp>

#include "broker/api/router.h"
#include "tests/broker/support.h"

namespace millrace::test {
namespace {

TEST_CASE("api versions: a version that we do not know is answered in version 0") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  // As the Java client of a future Kafka begins: header 2, body unknown to us.
  wire::ByteBuffer buffer;
  client.EncodeTo(buffer, wire::ApiVersionsRequest{"name", "1"}, 4);
  buffer.data()[7] = std::byte{99};
  client.SendRaw(buffer.bytes());
  auto answer = client.Receive<wire::ApiVersionsRequest>(0);
  CHECK(answer->error_code == ErrorCode::kUnsupportedVersion);
  REQUIRE(answer->api_keys.size() == 1);
  CHECK(answer->api_keys[0].api_key == wire::ApiKey::kApiVersions);
  CHECK(answer->api_keys[0].max_version == 4);
  // The client goes on with what it was told.
  CHECK(client.Call(wire::ApiVersionsRequest{"name", "1"}, 4)->error_code == ErrorCode::kNone);
}

TEST_CASE("api versions: a software name that is none is refused") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  for (const char* wrong : {"", "-a", "a-", "a b", "a\n"}) {
    auto answer = client.Call(wire::ApiVersionsRequest{wrong, "1"}, 3);
    CHECK(answer->error_code == ErrorCode::kInvalidRequest);
  }
}

TEST_CASE("api versions: every version tells the same APIs") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  for (int16_t version = 0; version <= 4; ++version) {
    auto answer = client.Call(wire::ApiVersionsRequest{"test", "1.0"}, version);
    CHECK(answer->error_code == ErrorCode::kNone);
    REQUIRE(answer->api_keys.size() == api::Apis().size());
    for (size_t i = 0; i < api::Apis().size(); ++i) {
      CHECK(answer->api_keys[i].api_key == api::Apis()[i].key);
      CHECK(answer->api_keys[i].min_version == api::Apis()[i].min_version);
      CHECK(answer->api_keys[i].max_version == api::Apis()[i].max_version);
    }
  }
}

TEST_CASE("router: an API or version that was not advertised closes the connection") {
  TestBroker broker(1);
  wire::ByteBuffer buffer;
  TestClient client = broker.Connect();
  client.EncodeTo(buffer, wire::MetadataRequest{}, 12);
  SECTION("unknown API") { buffer.data()[5] = std::byte{250}; }
  SECTION("unknown version") { buffer.data()[7] = std::byte{100}; }
  client.SendRaw(buffer.bytes());
  CHECK(client.IsClosedByBroker());
  CHECK(broker.Connect().Call(wire::ApiVersionsRequest{"a", "1"}, 3)->error_code ==
        ErrorCode::kNone);
}

}  // namespace
}  // namespace millrace::test

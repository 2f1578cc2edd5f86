#include "proto/wire/frame.h"

#include <string>

#include <catch2/catch.hpp>

#include "support.h"

namespace millrace::wire {
namespace {

TEST_CASE("frame: a request too short for its header is refused") {
  CHECK_FALSE(PeekRequest(FromHex("00120003000000")).has_value());
  CHECK_FALSE(DecodeRequestFrame(FromHex("0012000300000001"), 1).has_value());
  CHECK_FALSE(DecodeRequestFrame(FromHex("0012000300000001 fffe 00"), 2).has_value());
  CHECK_FALSE(DecodeRequestFrame(FromHex("0012000300000001 0002 61"), 2).has_value());
  CHECK_FALSE(DecodeRequestFrame(FromHex("0012000300000001 0001 61"), 2).has_value());
  CHECK_FALSE(DecodeResponseFrame(FromHex("00000001"), 1).has_value());
}

TEST_CASE("frame: a request of an unknown API is told by its first bytes") {
  std::optional<RequestHeader> header = PeekRequest(FromHex("7fff 0063 0000002a 99"));
  REQUIRE(header.has_value());
  CHECK(header->api_key == static_cast<ApiKey>(0x7fff));
  CHECK(header->api_version == 99);
  CHECK(header->correlation_id == 42);
  CHECK(ApiName(header->api_key) == "Unknown");
}

// The example of docs/formats/wire.md.
TEST_CASE("frame: an ApiVersions request and its response") {
  ByteBuffer buffer;
  RequestHeader header{ApiKey::kApiVersions, 3, 7, "c"};
  ApiVersionsRequest request{.client_software_name = "kcat", .client_software_version = "1.7"};
  EncodeRequest(buffer, header, request);
  CHECK(ToHex(buffer.bytes()) ==
        "00000016"
        "0012000300000007"
        "000163"
        "00"
        "056b636174"
        "04312e37"
        "00");

  std::optional<RequestFrame> frame = DecodeRequestFrame(buffer.bytes().subspan(4), 2);
  REQUIRE(frame.has_value());
  CHECK(frame->header.client_id == "c");
  Arena arena;
  ApiVersionsRequest read;
  REQUIRE(DecodeMessage(frame->body, 3, arena, read) == nullptr);
  CHECK(read.client_software_name == "kcat");

  Array<ApiVersionsResponse::ApiVersion> keys = arena.NewArray<ApiVersionsResponse::ApiVersion>(1);
  keys[0] = {ApiKey::kApiVersions, 0, 4};
  buffer.Clear();
  EncodeResponse(buffer, {7}, ApiVersionsResponse{.api_keys = keys}, 3);
  CHECK(ToHex(buffer.bytes()) ==
        "00000013"
        "00000007"
        "0000"
        "02"
        "00120000000400"
        "00000000"
        "00");
}

TEST_CASE("frame: the length counts records that are sent from a file") {
  Arena arena;
  Array<FetchResponse::Partition> partitions = arena.NewArray<FetchResponse::Partition>(2);
  partitions[0].records.external_size = 1000;
  partitions[1].records.external_size = 24;
  Array<FetchResponse::Topic> topics = arena.NewArray<FetchResponse::Topic>(1);
  topics[0] = {.topic = "t", .partitions = partitions};
  ByteBuffer buffer;
  buffer.Append(FromHex("0102"));
  std::vector<Splice> splices = EncodeResponse(buffer, {1}, FetchResponse{.responses = topics}, 12);
  REQUIRE(splices.size() == 2);
  size_t length = buffer.size() - 2 - 4 + 1024;
  CHECK(length == 0x460);
  CHECK(ToHex(buffer.bytes().subspan(2, 4)) == "00000460");
  CHECK(splices[0].size == 1000);
  CHECK(splices[1].position > splices[0].position);
}

TEST_CASE("frame: no splices cost no memory") {
  ByteBuffer buffer;
  CHECK(EncodeResponse(buffer, {1}, FetchResponse{}, 12).capacity() == 0);
}

}  // namespace
}  // namespace millrace::wire

#include "proto/wire/headers.h"

#include <catch2/catch.hpp>

#include "support.h"

namespace millrace::wire {
namespace {

TEST_CASE("headers: the version follows from the API's version") {
  CHECK(RequestHeaderVersion(ProduceRequest::kInfo, 8) == 1);
  CHECK(RequestHeaderVersion(ProduceRequest::kInfo, 9) == 2);
  CHECK(ResponseHeaderVersion(ProduceResponse::kInfo, 8) == 0);
  CHECK(ResponseHeaderVersion(ProduceResponse::kInfo, 9) == 1);
  CHECK(RequestHeaderVersion(DescribeClusterRequest::kInfo, 0) == 2);
}

TEST_CASE("headers: an ApiVersions response keeps header 0") {
  CHECK(RequestHeaderVersion(ApiVersionsRequest::kInfo, 2) == 1);
  CHECK(RequestHeaderVersion(ApiVersionsRequest::kInfo, 4) == 2);
  CHECK(ResponseHeaderVersion(ApiVersionsResponse::kInfo, 0) == 0);
  CHECK(ResponseHeaderVersion(ApiVersionsResponse::kInfo, 4) == 0);
}

TEST_CASE("headers: only ControlledShutdown 0 and APIs that are never flexible differ") {
  constexpr MessageInfo kShutdown{ApiKey::kControlledShutdown, 0, 3, 3};
  constexpr MessageInfo kHandshake{ApiKey::kSaslHandshake, 0, 1, kNeverFlexible};
  CHECK(RequestHeaderVersion(kShutdown, 0) == 0);
  CHECK(RequestHeaderVersion(kShutdown, 1) == 1);
  CHECK(RequestHeaderVersion(kHandshake, 1) == 1);
  CHECK(ResponseHeaderVersion(kHandshake, 1) == 0);
}

}  // namespace
}  // namespace millrace::wire

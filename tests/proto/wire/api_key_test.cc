#include "proto/wire/api_key.h"

#include <catch2/catch.hpp>

namespace millrace::wire {
namespace {

TEST_CASE("api key: a number that is no key has no name") {
  CHECK(ApiName(static_cast<ApiKey>(-1)) == "Unknown");
  CHECK(ApiName(static_cast<ApiKey>(93)) == "Unknown");
  CHECK(ApiName(static_cast<ApiKey>(0x7fff)) == "Unknown");
}

TEST_CASE("api key: names are Kafka's") {
  CHECK(ApiName(ApiKey::kProduce) == "Produce");
  CHECK(ApiName(ApiKey::kApiVersions) == "ApiVersions");
  CHECK(ApiName(ApiKey::kInitProducerId) == "InitProducerId");
  CHECK(static_cast<int>(ApiKey::kDescribeCluster) == 60);
  CHECK(ApiName(ApiKey::kDescribeCluster) == "DescribeCluster");
  CHECK(ApiName(ApiKey::kDeleteShareGroupOffsets) == "DeleteShareGroupOffsets");
}

}  // namespace
}  // namespace millrace::wire

#include "broker/app/limits.h"

#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

namespace millrace {
namespace {

using Values = std::vector<std::pair<std::string, std::string>>;

absl::StatusOr<BrokerLimits> LimitsOf(const Values& values) {
  core::Properties properties(core::PropertyScope::kBroker);
  for (const auto& [name, value] : values) REQUIRE_FALSE(properties.Set(name, value).has_value());
  return MakeLimits(properties);
}

std::string FaultOf(const Values& values) {
  return std::string(LimitsOf(values).status().message());
}

TEST_CASE("limits: a budget that is too small for any work is refused") {
  CHECK(FaultOf({{"memory.budget.bytes", "1000000"}}) ==
        "memory.budget.bytes must be 0, a quarter of the memory, or at least 67108864, not "
        "1000000");
}

TEST_CASE("limits: queued bytes that have no room for one request are refused, as in Kafka") {
  CHECK(FaultOf({{"queued.max.request.bytes", "1000"}}) ==
        "queued.max.request.bytes must be -1 or at least socket.request.max.bytes (104857600), "
        "not 1000");
}

TEST_CASE("limits: overrides of addresses are parsed, and refused with the one that is wrong") {
  auto maxima = net::ParseAddressMaxima("127.0.0.1:200,::1:3");
  REQUIRE(maxima.ok());
  CHECK(maxima->size() == 2);
  CHECK(maxima->at("127.0.0.1") == 200);
  CHECK(maxima->at("::1") == 3);
  CHECK(net::ParseAddressMaxima("")->empty());
  for (const char* text : {"127.0.0.1", "127.0.0.1:", "a.b:2", "127.0.0.1:-1", ":4",
                           "1.1.1.1:2,"
                           "x"}) {
    CHECK_FALSE(net::ParseAddressMaxima(text).ok());
  }
}

TEST_CASE("limits: requests are no larger than the budget has room for, and that is said") {
  auto limits = LimitsOf({{"memory.budget.bytes", "67108864"}});
  REQUIRE(limits.ok());
  CHECK(limits->memory_bytes == 32 << 20);
  CHECK(limits->connection.frame_bytes_max == 12 << 20);
  REQUIRE(limits->warnings.size() == 1);
  CHECK(limits->warnings[0].find("12582912 bytes at most") != std::string::npos);
  limits = LimitsOf({{"memory.budget.bytes", "1000000000"}});
  REQUIRE(limits.ok());
  CHECK(limits->connection.frame_bytes_max == 100 << 20);
  CHECK(limits->warnings.empty());
}

}  // namespace
}  // namespace millrace

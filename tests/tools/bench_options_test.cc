#include <catch2/catch.hpp>

#include "tools/bench_commands.h"

namespace millrace::tools {
namespace {

TEST_CASE("bench options: no records are nothing to do") {
  BenchProduceOptions produce;
  CHECK(CheckOptions(produce).ok());
  produce.records = 0;
  CHECK(CheckOptions(produce).message() == "--records 0 leaves nothing to send");
  BenchLatencyOptions latency;
  latency.records = 0;
  CHECK_FALSE(CheckOptions(latency).ok());
  BenchConsumeOptions consume{};
  consume.from_beginning = true;
  consume.records = 0;
  CHECK_FALSE(CheckOptions(consume).ok());
}

TEST_CASE("bench options: consuming needs a way to end") {
  BenchConsumeOptions options;
  CHECK_FALSE(CheckOptions(options).ok());
  options.duration_seconds = 1;
  CHECK(CheckOptions(options).ok());
  options.duration_seconds.reset();
  options.from_beginning = true;
  CHECK(CheckOptions(options).ok());
}

TEST_CASE("bench options: latency needs an acknowledgement and room for a time") {
  BenchLatencyOptions options;
  CHECK(options.records_per_second == 1'000);
  CHECK(CheckOptions(options).ok());
  options.record_bytes = 15;
  CHECK_FALSE(CheckOptions(options).ok());
  options.record_bytes = 16;
  CHECK(CheckOptions(options).ok());
  options.acks = "0";
  CHECK_FALSE(CheckOptions(options).ok());
}

}  // namespace
}  // namespace millrace::tools

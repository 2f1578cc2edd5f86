#include "tools/bench/bench_report.h"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "tools/kafka_status.h"

namespace millrace::bench {
namespace {

BenchReport Report() {
  LatencyHistogram histogram;
  histogram.Record(50, 98);
  histogram.Record(2'000'000, 2);
  return {.mode = "produce",
          .topic = "orders",
          .measured = {.seconds = 2,
                       .cpu_seconds = 0.25,
                       .counts = {.requests = 100, .records = 12'000, .bytes = 3'000'000}},
          .latencies = {{"ack", "time to acknowledgement", Summarize(histogram)}}};
}

boost::json::object Parsed(const BenchReport& report) {
  return boost::json::parse(ReportJson(report)).as_object();
}

TEST_CASE("bench report: a run that was refused something, failed or misses offsets is not clean") {
  CHECK(IsClean(Report()));
  BenchReport refused = Report();
  refused.refusals[ErrorCode::kMessageTooLarge] = {.answers = 3, .message = "the batch is large"};
  CHECK_FALSE(IsClean(refused));
  BenchReport failed = Report();
  failed.measured.failure = absl::UnavailableError("the broker closed a connection");
  CHECK_FALSE(IsClean(failed));
  BenchReport missing = Report();
  missing.missing_offsets = 0;
  CHECK(IsClean(missing));
  missing.missing_offsets = 1;
  CHECK_FALSE(IsClean(missing));
}

TEST_CASE("bench report: JSON is one line with rates, latencies and errors by name") {
  BenchReport report = Report();
  report.refusals[ErrorCode::kNotEnoughReplicas] = {.answers = 7, .message = ""};
  CHECK(ReportJson(report).find('\n') == std::string::npos);
  boost::json::object json = Parsed(report);
  CHECK(json["records"] == 12'000);
  CHECK(json["recordsPerSecond"].to_number<double>() == 6'000);
  CHECK(json["megabytesPerSecond"].to_number<double>() == 1.5);
  CHECK(json["requestsPerSecond"].to_number<double>() == 50);
  CHECK(json["errors"].at("NOT_ENOUGH_REPLICAS") == 7);
  CHECK(json["latency"].at("ack").at("count") == 100);
  CHECK(json["latency"].at("ack").at("p50Us").to_number<double>() == 0.05);
  CHECK(json["latency"].at("ack").at("maxUs").to_number<double>() == 2'000);
  CHECK_FALSE(json.contains("error"));
  CHECK_FALSE(json.contains("missingOffsets"));
}

TEST_CASE("bench report: why a run ended early stands in JSON by Kafka's name, if it has one") {
  BenchReport report = Report();
  report.measured.failure = tools::KafkaError(ErrorCode::kMessageTooLarge, "4 MB");
  CHECK(Parsed(report)["error"] == "MESSAGE_TOO_LARGE");
  CHECK(Parsed(report)["message"] == "4 MB");
  report.measured.failure = absl::UnavailableError("the broker closed a connection");
  CHECK(Parsed(report)["error"] == "UNAVAILABLE");
}

TEST_CASE("bench report: words name counts, rates, latencies, refusals and gaps") {
  BenchReport report = Report();
  report.refusals[ErrorCode::kMessageTooLarge] = {.answers = 3'000, .message = "the batch is big"};
  report.missing_offsets = 5;
  CHECK(ReportText(report) ==
        "produce orders: 12,000 records, 3.0 MB in 2.00 s\n"
        "  6,000 records/s, 1.5 MB/s, 50 requests/s; 0.25 s of CPU in this program\n"
        "  time to acknowledgement: p50 0 us, p90 0 us, p99 2.00 ms, p99.9 2.00 ms, max 2.00 ms\n"
        "  refused: 3,000 MESSAGE_TOO_LARGE: the batch is big\n"
        "  missing: 5 offsets between the records\n");
}

TEST_CASE("bench report: a run of no time has no rates") {
  BenchReport report = Report();
  report.measured.seconds = 0;
  CHECK(Parsed(report)["recordsPerSecond"].to_number<double>() == 0);
}

TEST_CASE("bench report: numbers and times are easy to read") {
  CHECK(WithCommas(0) == "0");
  CHECK(WithCommas(999) == "999");
  CHECK(WithCommas(1'000) == "1,000");
  CHECK(WithCommas(1'234'567) == "1,234,567");
  CHECK(TimeText(870'400) == "870 us");
  CHECK(TimeText(1'250'000) == "1.25 ms");
  CHECK(TimeText(2'000'000'000) == "2.00 s");
}

}  // namespace
}  // namespace millrace::bench

// Metrics as a scraper sees them.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "broker/app/metrics_report.h"
#include "tests/broker/support.h"

namespace millrace::test {
namespace {

// The whole answer to one request, head and body.
std::string Http(uint16_t port, const std::string& request) {
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  timeval patience{.tv_sec = 60, .tv_usec = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  REQUIRE(::send(socket, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size()));
  std::string answer;
  char piece[4096];
  for (ssize_t count; (count = ::recv(socket, piece, sizeof(piece), 0)) > 0;) {
    answer.append(piece, static_cast<size_t>(count));
  }
  ::close(socket);
  return answer;
}

std::string Scrape(const Broker& broker) {
  return Http(broker.metrics_port(),
              "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

bool HasLine(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

const std::vector<NameAndValue> kOn = {{"metrics.listener", "127.0.0.1:0"}};

TEST_CASE("metrics: nothing listens unless metrics.listener is set") {
  TestBroker broker(1);
  CHECK(broker.broker().metrics_port() == 0);
}

TEST_CASE("metrics: other paths, methods and garbage are refused, and the broker serves on") {
  TestBroker broker(1, kOn);
  uint16_t port = broker.broker().metrics_port();
  CHECK(Http(port, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 404"));
  CHECK(Http(port, "GET /metrics?job=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 200"));
  CHECK(Http(port, "POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 405"));
  CHECK(Http(port, std::string("\x16\x03\x01\x00\x00\r\n\r\n", 9)).empty());
  CHECK(Http(port, "GET /metrics HTTP/1.1\r\nX: " + std::string(100'000, 'x')).empty());
  CHECK(Scrape(broker.broker()).starts_with("HTTP/1.1 200"));
}

TEST_CASE("metrics: requests, bytes and times are counted by API, on all shards") {
  TestBroker broker(GENERATE(1, 4), kOn);
  TestClient client = broker.Connect(), other = broker.Connect();
  CreateTopic(client, "t", 2);
  for (int i = 0; i < 5; ++i) Produce(i % 2 == 0 ? client : other, "t", i % 2, BatchOf({"a"}));
  ReadAll(client, "t", 0);
  std::string text = Scrape(broker.broker());
  CHECK(HasLine(text, "millrace_requests_total{api=\"Produce\"} 5"));
  CHECK(HasLine(text, "millrace_requests_total{api=\"CreateTopics\"} 1"));
  CHECK(HasLine(text, "millrace_requests_total{api=\"Fetch\"} 2"));
  CHECK(HasLine(text, "millrace_requests_total{api=\"Metadata\"} 0"));
  CHECK(HasLine(text, "millrace_request_duration_seconds_count{api=\"Produce\"} 5"));
  CHECK(HasLine(text, "millrace_request_duration_seconds_bucket{api=\"Produce\",le=\"+Inf\"} 5"));
  CHECK_FALSE(HasLine(text, "millrace_response_bytes_total{api=\"Produce\"} 0"));
  CHECK_FALSE(HasLine(text, "millrace_request_bytes_total{api=\"Produce\"} 0"));
  CHECK(HasLine(text, "millrace_connections 2"));
  CHECK(HasLine(text, "millrace_connections_accepted_total 2"));
  CHECK(HasLine(text, "millrace_topics 1"));
  CHECK(HasLine(text, "millrace_partitions 2"));
}

TEST_CASE("metrics: errors are counted wherever in an answer they stand, and without one") {
  TestBroker broker(GENERATE(1, 4), kOn);
  TestClient client = broker.Connect(), unanswered = broker.Connect();
  CreateTopic(client, "t");
  CHECK(Produce(client, "none", 0, BatchOf({"a"})).error_code ==
        ErrorCode::kUnknownTopicOrPartition);
  ProduceCall call;
  call.Add("none", 0, BatchOf({"a"})).request().acks = wire::kAcksNone;
  unanswered.Send(call.request(), kProduceVersion);
  CHECK(unanswered.IsClosedByBroker());
  TestClient rude = broker.Connect();
  std::vector<std::byte> garbage(12, std::byte{0x7f});
  garbage[0] = std::byte{0};
  garbage[1] = garbage[2] = std::byte{0};
  garbage[3] = std::byte{8};
  rude.SendRaw(garbage);
  CHECK(rude.IsClosedByBroker());
  std::string text = Scrape(broker.broker());
  CHECK(HasLine(text,
                "millrace_request_errors_total{api=\"Produce\",error=\"UNKNOWN_TOPIC_OR_PARTITION\""
                "} 2"));
  CHECK(HasLine(text, "millrace_connections_closed_total{reason=\"refused\"} 1"));
  CHECK(HasLine(text, "millrace_connections_closed_total{reason=\"unsupported\"} 1"));
  CHECK(HasLine(text, "millrace_requests_total{api=\"unknown\"} 1"));
}

TEST_CASE("metrics: a limit that refuses connections is named") {
  TestBroker broker(1, {{"metrics.listener", "127.0.0.1:0"}, {"max.connections.per.ip", "1"}});
  TestClient first = broker.Connect();
  REQUIRE(first.Call(wire::MetadataRequest{}, 12)->brokers.size() == 1);
  CHECK(broker.Connect().IsClosedByBroker());
  CHECK(HasLine(Scrape(broker.broker()),
                "millrace_connections_refused_total{reason=\"max_connections_per_ip\"} 1"));
}

TEST_CASE("metrics: a latency lies in the first bucket whose bound it does not exceed") {
  LatencyHistogram latency;
  constexpr int64_t kFirstNs = int64_t{1} << LatencyHistogram::kFirstBits;
  for (int64_t ns : {int64_t{-1}, int64_t{0}, kFirstNs - 1}) latency.Add(ns);
  CHECK(latency.counts[0] == 3);
  latency.Add(kFirstNs);
  latency.Add(2 * kFirstNs - 1);
  CHECK(latency.counts[1] == 2);
  latency.Add(INT64_MAX / 2);
  CHECK(latency.counts[LatencyHistogram::kBuckets] == 1);
  MetricsReport report;
  report.metrics.apis[0].requests = 6;
  report.metrics.apis[0].latency = latency;
  std::string text = FormatMetrics(report);
  CHECK(HasLine(text,
                "millrace_request_duration_seconds_bucket{api=\"Produce\",le=\"6.5536e-05\"} "
                "3"));
  CHECK(HasLine(text,
                "millrace_request_duration_seconds_bucket{api=\"Produce\",le=\"0.000131072\""
                "} 5"));
  CHECK(HasLine(text, "millrace_request_duration_seconds_count{api=\"Produce\"} 6"));
}

}  // namespace
}  // namespace millrace::test

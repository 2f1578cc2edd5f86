// A blocking client of a broker on this machine, for tests: typed calls, and raw bytes.
//
//   TestClient client(port);
//   auto answer = client.Call(request, version);      // Answer<MetadataResponse>
//   CHECK(answer->topics.size() == 1);
//
//   client.Send(first, 12); client.Send(second, 12);  // pipelined
//   auto a = client.Receive<wire::ProduceRequest>(12);
//
// One thread. An answer that does not come within kPatienceMs fails the test, so that none hangs;
// no test passes because time went by.
#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <span>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "proto/wire/alter_configs.h"
#include "proto/wire/api_versions.h"
#include "proto/wire/create_partitions.h"
#include "proto/wire/create_topics.h"
#include "proto/wire/delete_records.h"
#include "proto/wire/delete_topics.h"
#include "proto/wire/describe_cluster.h"
#include "proto/wire/describe_configs.h"
#include "proto/wire/describe_log_dirs.h"
#include "proto/wire/describe_producers.h"
#include "proto/wire/describe_topic_partitions.h"
#include "proto/wire/fetch.h"
#include "proto/wire/find_coordinator.h"
#include "proto/wire/frame.h"
#include "proto/wire/incremental_alter_configs.h"
#include "proto/wire/init_producer_id.h"
#include "proto/wire/list_config_resources.h"
#include "proto/wire/list_offsets.h"
#include "proto/wire/metadata.h"
#include "proto/wire/offset_for_leader_epoch.h"
#include "proto/wire/produce.h"

namespace millrace::test {

template <class Request>
struct AnswerTo;
template <>
struct AnswerTo<wire::CreatePartitionsRequest> {
  using Type = wire::CreatePartitionsResponse;
};
template <>
struct AnswerTo<wire::DeleteRecordsRequest> {
  using Type = wire::DeleteRecordsResponse;
};
template <>
struct AnswerTo<wire::DescribeLogDirsRequest> {
  using Type = wire::DescribeLogDirsResponse;
};
template <>
struct AnswerTo<wire::DescribeProducersRequest> {
  using Type = wire::DescribeProducersResponse;
};
template <>
struct AnswerTo<wire::DescribeTopicPartitionsRequest> {
  using Type = wire::DescribeTopicPartitionsResponse;
};
template <>
struct AnswerTo<wire::OffsetForLeaderEpochRequest> {
  using Type = wire::OffsetForLeaderEpochResponse;
};
template <>
struct AnswerTo<wire::ApiVersionsRequest> {
  using Type = wire::ApiVersionsResponse;
};
template <>
struct AnswerTo<wire::CreateTopicsRequest> {
  using Type = wire::CreateTopicsResponse;
};
template <>
struct AnswerTo<wire::DeleteTopicsRequest> {
  using Type = wire::DeleteTopicsResponse;
};
template <>
struct AnswerTo<wire::DescribeClusterRequest> {
  using Type = wire::DescribeClusterResponse;
};
template <>
struct AnswerTo<wire::FetchRequest> {
  using Type = wire::FetchResponse;
};
template <>
struct AnswerTo<wire::FindCoordinatorRequest> {
  using Type = wire::FindCoordinatorResponse;
};
template <>
struct AnswerTo<wire::InitProducerIdRequest> {
  using Type = wire::InitProducerIdResponse;
};
template <>
struct AnswerTo<wire::ListOffsetsRequest> {
  using Type = wire::ListOffsetsResponse;
};
template <>
struct AnswerTo<wire::MetadataRequest> {
  using Type = wire::MetadataResponse;
};
template <>
struct AnswerTo<wire::ProduceRequest> {
  using Type = wire::ProduceResponse;
};
template <>
struct AnswerTo<wire::AlterConfigsRequest> {
  using Type = wire::AlterConfigsResponse;
};
template <>
struct AnswerTo<wire::DescribeConfigsRequest> {
  using Type = wire::DescribeConfigsResponse;
};
template <>
struct AnswerTo<wire::IncrementalAlterConfigsRequest> {
  using Type = wire::IncrementalAlterConfigsResponse;
};
template <>
struct AnswerTo<wire::ListConfigResourcesRequest> {
  using Type = wire::ListConfigResourcesResponse;
};

// A decoded response with the memory that it points into.
template <class Response>
struct Answer {
  std::vector<std::byte> frame;
  std::unique_ptr<wire::Arena> arena = std::make_unique<wire::Arena>();
  int32_t correlation_id = 0;
  Response response;

  const Response* operator->() const { return &response; }
};

template <class T>
wire::Array<T> ArrayOf(std::vector<T>& elements) {
  return {elements.data(), elements.size()};
}

class TestClient {
 public:
  static constexpr int kPatienceMs = 60'000;

  explicit TestClient(uint16_t port, int receive_buffer_bytes = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(socket_ >= 0);
    if (receive_buffer_bytes > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof(receive_buffer_bytes));
    }
    timeval patience{.tv_sec = kPatienceMs / 1000, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  TestClient(TestClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)),
        next_correlation_(other.next_correlation_),
        next_answer_(other.next_answer_) {}
  TestClient& operator=(TestClient&&) = delete;
  ~TestClient() { Close(); }

  void Close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

  template <class Request>
  auto Call(const Request& request, int16_t version) {
    Send(request, version);
    return Receive<Request>(version);
  }

  // The correlation id that the answer will have.
  template <class Request>
  int32_t Send(const Request& request, int16_t version) {
    wire::ByteBuffer buffer;
    EncodeTo(buffer, request, version);
    SendRaw(buffer.bytes());
    return next_correlation_ - 1;
  }
  // Appends the frame, to be sent later with others.
  template <class Request>
  void EncodeTo(wire::ByteBuffer& buffer, const Request& request, int16_t version) {
    wire::RequestHeader header{Request::kInfo.key, version, next_correlation_++, "test"};
    wire::EncodeRequest(buffer, header, request);
  }
  // An acks=0 request has no answer: its correlation id is passed over.
  void ExpectNoAnswer() { ++next_answer_; }

  // The next answer, which must be the one to the oldest request that has none yet.
  template <class Request>
  auto Receive(int16_t version) {
    using Response = typename AnswerTo<Request>::Type;
    Answer<Response> answer;
    std::optional<std::vector<std::byte>> frame = ReceiveFrame();
    REQUIRE(frame.has_value());
    answer.frame = *std::move(frame);
    int16_t header_version = wire::ResponseHeaderVersion(Response::kInfo, version);
    auto decoded = wire::DecodeResponseFrame(answer.frame, header_version);
    REQUIRE(decoded.has_value());
    answer.correlation_id = decoded->header.correlation_id;
    REQUIRE(answer.correlation_id == next_answer_++);
    const char* fault = wire::DecodeMessage(decoded->body, version, *answer.arena, answer.response);
    INFO((fault == nullptr ? "" : fault));
    REQUIRE(fault == nullptr);
    return answer;
  }

  void SendRaw(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      REQUIRE(count > 0);
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
  }
  // As much as the socket takes without waiting.
  size_t TrySendRaw(std::span<const std::byte> bytes) {
    ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return count < 0 ? 0 : static_cast<size_t>(count);
  }
  // A frame without its length; none: the broker has closed the connection.
  std::optional<std::vector<std::byte>> ReceiveFrame() {
    uint32_t length = 0;
    if (!ReceiveBytes(std::as_writable_bytes(std::span(&length, 1)))) return std::nullopt;
    std::vector<std::byte> frame(__builtin_bswap32(length));
    if (!ReceiveBytes(frame)) return std::nullopt;
    return frame;
  }
  // Waits for the end of the connection; false when something else arrives.
  bool IsClosedByBroker() {
    std::byte one;
    return !ReceiveBytes({&one, 1});
  }

 private:
  bool ReceiveBytes(std::span<std::byte> bytes) {
    while (!bytes.empty()) {
      ssize_t count = ::recv(socket_, bytes.data(), bytes.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count == 0 || (count < 0 && errno == ECONNRESET)) return false;
      INFO("the broker has not answered in time");
      REQUIRE(count > 0);
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return true;
  }

  int socket_;
  int32_t next_correlation_ = 1;
  int32_t next_answer_ = 1;
};

}  // namespace millrace::test

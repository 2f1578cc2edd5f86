// A blocking connection for the command line's admin requests: one request, one answer.
//
// One thread. Errors: absl::Status with a sentence for the user.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/wire/frame.h"

namespace millrace::tools {

class AdminConnection {
 public:
  AdminConnection(AdminConnection&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)),
        correlation_id_(other.correlation_id_),
        answer_(std::move(other.answer_)) {}
  AdminConnection& operator=(AdminConnection&&) = delete;
  ~AdminConnection();

  static absl::StatusOr<AdminConnection> Connect(const std::string& bootstrap_server);

  // `response` holds views that stay valid until the next call.
  template <class Request, class Response>
  absl::Status Call(int16_t version, const Request& request, Response& response) {
    wire::ByteBuffer out;
    wire::RequestHeader header{Request::kInfo.key, version, ++correlation_id_, "millrace"};
    wire::EncodeRequest(out, header, request);
    absl::Status exchanged = Exchange(out.bytes());
    if (!exchanged.ok()) return exchanged;
    auto frame =
        wire::DecodeResponseFrame(answer_, wire::ResponseHeaderVersion(Response::kInfo, version));
    if (!frame.has_value() || frame->header.correlation_id != correlation_id_) {
      return absl::DataLossError("the broker's answer does not fit the request");
    }
    const char* fault = wire::DecodeMessage(frame->body, version, arena_, response);
    if (fault != nullptr) return absl::DataLossError(fault);
    return absl::OkStatus();
  }

 private:
  explicit AdminConnection(int socket) : socket_(socket) {}
  absl::Status Exchange(wire::Bytes request);

  int socket_;
  int32_t correlation_id_ = 0;
  std::vector<std::byte> answer_;
  wire::Arena arena_;
};

}  // namespace millrace::tools

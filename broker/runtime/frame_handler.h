// What a connection does with a whole frame: the seam between sockets and requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "broker/runtime/answer.h"
#include "broker/runtime/async.h"

namespace millrace {

// The other end of a connection, for log lines and limits.
struct Peer {
  std::string address;  // host:port
  std::string host;
  bool is_loopback = false;
  uint16_t local_port = 0;
};

class FrameHandler {
 public:
  virtual ~FrameHandler() = default;
  // `frame` is one request without its length; it may be changed in place. What is returned is not
  // valid() when the request is handled; otherwise it must be awaited. The frame is valid until
  // then, and the next one of the connection is handled after that; the slot may be filled later
  // still. Called on the connection's shard.
  virtual awaitable<void> Handle(std::span<std::byte> frame, AnswerSlot slot, const Peer& peer) = 0;
};

}  // namespace millrace

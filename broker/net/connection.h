// One client connection: takes bytes in large pieces, hands whole frames to the handler one after
// the other, and sends the answers in request order.
//
// Threading: the shard it was given to. Lifetime: shared by its coroutine and open answer slots.
// Limits: a frame larger than `frame_bytes_max` closes the connection before anything is allocated
// for it; with too many open requests or unsent bytes the socket is not read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "broker/net/answer_queue.h"
#include "broker/net/receive_buffer.h"
#include "broker/runtime/frame_handler.h"
#include "broker/runtime/task_group.h"
#include "broker/runtime/timers.h"

namespace millrace::net {

struct ConnectionLimits {
  size_t frame_bytes_max = 100 << 20;
  size_t open_requests_max = 1024;
  size_t unsent_bytes_max = 8 << 20;
  int64_t idle_ms_max = 600'000;  // negative: never
};

class Connection final : public AnswerSink,
                         private Timer,
                         public std::enable_shared_from_this<Connection> {
 public:
  // What all connections of a shard share; outlives them.
  struct Environment {
    Shard& shard;
    BufferPool& buffers;
    FrameHandler& handler;
    const ConnectionLimits& limits;
  };

  Connection(Environment environment, asio::ip::tcp::socket socket, Peer peer);
  ~Connection() override;

  // Until the peer leaves, breaks a rule, or Close is called. Holds the connection alive.
  awaitable<void> Serve();
  // Takes no more requests; Serve ends when the open ones are answered and sent.
  void Drain();
  void Close();

  wire::ByteBuffer& BufferFor(uint64_t sequence) override;
  void Fill(uint64_t sequence, std::span<FilePart> files) override;
  void Skip(uint64_t sequence) override;
  void Abort(std::string_view reason) override;

 private:
  void OnTimer() override;
  awaitable<bool> Receive();
  awaitable<bool> HandleFrames();
  awaitable<void> WaitForRoom();
  awaitable<void> WaitForAnswers();
  bool HasRoom() const;
  void Send();
  void AfterAnswer();

  Environment environment_;
  asio::ip::tcp::socket socket_;
  Peer peer_;
  ReceiveBuffer in_;
  AnswerQueue answers_;
  Signal progress_;             // bytes were sent, or the connection was closed
  wire::ByteBuffer discarded_;  // what is answered after the connection has closed
  MonotonicMs last_request_;
  bool in_pass_ = false;         // frames are being handled: answers leave together at its end
  bool waits_to_write_ = false;  // the socket is full
  bool drained_socket_ = false;  // the last receive took all there was
  bool draining_ = false;
  bool closed_ = false;
};

}  // namespace millrace::net

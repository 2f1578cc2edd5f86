// One client connection: takes bytes in large pieces, hands whole frames to the handler one after
// the other, and sends the answers in request order.
//
// Threading: the shard it was given to. Lifetime: shared by its coroutine and open answer slots.
// Limits: a frame larger than `frame_bytes_max` closes the connection before anything is allocated
// for it, and one whose rest does not come in time later. With too many open requests or bytes of
// answers, and while the memory budget is used up, the socket is not read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "broker/net/answer_queue.h"
#include "broker/net/large_frames.h"
#include "broker/net/memory_relief.h"
#include "broker/net/patience.h"
#include "broker/net/receive_buffer.h"
#include "broker/net/send_turns.h"
#include "broker/runtime/client_log.h"
#include "broker/runtime/frame_handler.h"
#include "broker/runtime/load_pool.h"
#include "broker/runtime/metrics.h"
#include "broker/runtime/task_group.h"
#include "broker/runtime/timers.h"

namespace millrace::net {

struct ConnectionLimits {
  size_t frame_bytes_max = 100 << 20;
  size_t open_requests_max = 1024;
  size_t pending_bytes_max = 8 << 20;  // of answers that are not sent
  int64_t idle_ms_max = 600'000;       // negative: never
  int64_t frame_ms_max = 60'000;       // negative: never; see patience.h
};

class Connection final : public AnswerSink,
                         private LargeFrames::Waiter,
                         private Timer,
                         public std::enable_shared_from_this<Connection> {
 public:
  // What all connections of a shard share; outlives them.
  struct Environment {
    Shard& shard;
    BufferPool& buffers;
    MemoryRelief& relief;
    LargeFrames& large_frames;
    SendTurns& turns;
    Metrics& metrics;
    ClientLog& log;
    LoadPool& loads;
    FrameHandler& handler;
    const ConnectionLimits& limits;
  };

  Connection(Environment environment, asio::ip::tcp::socket socket, Peer peer);
  ~Connection() override;

  // Until the peer leaves, breaks a rule, or Close is called. Holds the connection alive.
  awaitable<void> Serve();
  // Takes no more requests; Serve ends when the open ones are answered and sent.
  void Drain();
  // The first reason counts.
  void Close(CloseReason reason);

  wire::ByteBuffer& BufferFor(uint64_t sequence) override;
  void Fill(uint64_t sequence, std::span<FilePart> files) override;
  void Skip(uint64_t sequence) override;
  void NoteError(uint64_t sequence, int16_t error_code) override;
  bool Watch(uint64_t sequence, AnswerWatcher& watcher) override;
  void Abort(const Fault& fault) override;

  // For MemoryRelief. Since when it has waited for its peer to send the rest of a frame, or to read
  // answers; none: it does not.
  std::optional<MonotonicMs> stalled_since() const;
  // Whether a request of it was ever answered.
  bool is_proven() const { return answers_.answered() > 0; }
  // Memory that goes when the connection is closed.
  size_t held_bytes() const { return in_.capacity() + answers_.memory_bytes(); }
  void ReleaseSpare();
  void AnswerWaiting() { answers_.AnswerWaiting(); }
  void OnMemory() { progress_.Notify(); }
  // Closes, for a reason that is worth a line in the log.
  void GiveUp(CloseReason reason);

 private:
  enum class Received { kBytes, kNothing, kNoMemory, kNoPlace, kEnd };
  // kAwait: a handler must be awaited. kBroken: the connection must close, or is closed.
  enum class Pass { kDone, kAwait, kPause, kBroken };

  void OnTimer() override;
  void ArmTimer(MonotonicMs deadline);
  Received Receive();
  void BeginToWait();
  void BeginPass();
  Pass HandleFrames(awaitable<void>& rest);
  // What the handler leaves to be awaited.
  awaitable<void> StartFrame(std::span<std::byte> whole);
  // The frame is handled. kDone or kPause.
  Pass FinishFrame();
  awaitable<void> Pause();
  awaitable<void> WaitForRoom();
  awaitable<void> WaitForMemory();
  awaitable<void> WaitForPlace();
  void OnPlace(LargeFrames::Place place) override;
  void LeavePlace();
  awaitable<void> WaitForAnswers();
  bool IsTurnOver() const;
  bool HasRoom() const;
  bool HasMemory() const;
  bool PeerHasLeft();
  void WatchFrame();
  void Send();
  void WaitForSocket(size_t sent_bytes);
  void WaitForTurn();
  void LoadCold();
  void OnLoaded(const absl::Status& status);
  void ChargeAnswers();
  void AfterAnswer();

  Environment environment_;
  asio::ip::tcp::socket socket_;
  Peer peer_;
  MemoryCharge own_memory_;
  ReceiveBuffer in_;
  AnswerQueue answers_;
  size_t answer_memory_ = 0;    // what is charged for answers_
  Signal progress_;             // bytes were sent, there is memory, or the connection was closed
  wire::ByteBuffer discarded_;  // what is answered after the connection has closed
  MonotonicMs last_request_;
  MonotonicNs now_;  // when the last answer was given, or the pass began
  // What was done since the connection last let others go on.
  struct Turn {
    size_t requests = 0;
    size_t bytes = 0;
    MonotonicNs began;
  } turn_;
  MonotonicMs timer_due_;
  std::optional<MonotonicMs> waits_for_memory_;  // since when
  std::optional<LargeFrames::Place> place_;      // from the first large block of a frame on
  Patience frame_;                               // with the peer, until a frame is whole
  Patience sending_;                             // until all answers are taken
  size_t frame_bytes_ = 0;    // that had come when `frame_` was last told; 0: not started
  size_t handled_bytes_ = 0;  // of the frame that is being handled, with its length
  bool in_pass_ = false;      // frames are being handled: answers leave together at its end
  bool in_handler_ = false;   // a handler looks into the receive buffer
  bool waits_to_read_ = false;
  bool waits_to_write_ = false;  // the socket is full
  bool waits_for_turn_ = false;  // there is more to send, others first
  bool is_sending_ = false;      // the socket was full when it was last tried
  bool is_loading_ = false;      // what is sent next comes from the disk
  bool drained_socket_ = false;  // the last receive took all there was
  bool draining_ = false;
  bool closed_ = false;
};

}  // namespace millrace::net

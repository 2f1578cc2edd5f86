// Sends prebuilt requests over one connection, again and again, and takes the answers: in a closed
// loop, or at the times of a pacer.
//
// One thread. Nothing is allocated between the first request and the last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include "proto/wire/codec.h"
#include "tools/bench/frame_receiver.h"
#include "tools/bench/pacer.h"
#include "tools/bench/socket.h"

namespace millrace::bench {

// Requests of one size, side by side, so that one send carries many of them. The ring is sent over
// and over; a place comes round again only after its answer where the places are in_flight.
struct FrameRing {
  std::vector<std::byte> bytes;
  uint64_t places = 1;

  uint64_t frame_bytes() const { return bytes.size() / places; }
};

struct StreamPlan {
  FrameRing ring;
  uint64_t in_flight = 5;      // requests that may be under way
  bool is_answered = true;     // false: a request is done when the socket has taken it (acks=0)
  std::optional<Pacer> pacer;  // none: as fast as answers come
};

// What the streams of a traffic may still begin to send.
struct FrameBudget {
  uint64_t frames_left = UINT64_MAX;
  uint64_t end_ns = UINT64_MAX;  // nothing that is due, or could begin, later than this
};

class FrameStream {
 public:
  // `answer` is empty where requests are not answered. The latency counts from when the request was
  // due, in a closed loop from the first attempt to send it.
  using OnAnswer = absl::FunctionRef<absl::Status(wire::Bytes answer, uint64_t latency_ns)>;

  FrameStream(Descriptor socket, StreamPlan plan);

  int descriptor() const { return socket_.get(); }
  // Reads what has come, and sends what the budget, the answers and the time allow.
  absl::Status Run(FrameBudget& budget, OnAnswer on_answer);
  // As Run() without reading, for when only time has passed.
  absl::Status Send(FrameBudget& budget, OnAnswer on_answer);

  // Requests that have been begun and are not answered.
  uint64_t under_way() const { return claimed_ - answered_; }
  // The place in the ring of the request that is answered next.
  uint64_t next_place() const { return answered_ % plan_.ring.places; }

  // Before anything is sent.
  void SetPacer(const Pacer& pacer) { plan_.pacer = pacer; }
  // From now on this plan. Precondition: nothing is under way.
  void Restart(StreamPlan plan);

 private:
  void Claim(uint64_t now_ns, FrameBudget& budget);
  void NoteSendTimes(uint64_t now_ns, uint64_t bytes);
  uint64_t DueNs(uint64_t request) const;
  absl::Status FinishAnswer(wire::Bytes answer, OnAnswer on_answer);
  absl::Status FinishSent(OnAnswer on_answer);

  Descriptor socket_;
  StreamPlan plan_;
  FrameReceiver receiver_;
  uint64_t claimed_ = 0;           // requests that are sent, or shall be
  uint64_t sent_bytes_ = 0;        // of them
  uint64_t answered_ = 0;          // requests
  std::vector<uint64_t> sent_ns_;  // without a pacer: by request modulo in_flight
};

}  // namespace millrace::bench

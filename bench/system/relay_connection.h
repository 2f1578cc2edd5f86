// One client of the relay (null_relay.h), and the records that it passes on. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "bench/system/frame_writer.h"

namespace millrace::bench {

// The records of the partition, the oldest forgotten as new ones come.
class RelayLog {
 public:
  // Gives the batch its offset, which is returned.
  int64_t Append(std::vector<uint8_t> batch);
  // All from that offset on, as far as they fit; at least one batch if there is any.
  void Read(int64_t offset, size_t max_bytes, std::vector<uint8_t>& out) const;
  int64_t begin_offset() const { return batches_.empty() ? next_offset_ : batches_.front().base; }
  int64_t next_offset() const { return next_offset_; }

 private:
  struct Batch {
    int64_t base;
    int64_t last;
    std::vector<uint8_t> bytes;
  };
  std::deque<Batch> batches_;
  int64_t next_offset_ = 0;
};

// One client: whole requests in, answers out, and at most one fetch that waits for records.
class RelayConnection {
 public:
  RelayConnection(int descriptor, uint16_t port, RelayLog& log)
      : descriptor_(descriptor), port_(port), log_(log) {}
  ~RelayConnection();
  RelayConnection(const RelayConnection&) = delete;
  RelayConnection& operator=(const RelayConnection&) = delete;

  // Both: false when the client has gone.
  bool Read(int64_t now_ms);
  bool Write();
  // Answers the fetch that waits, if there is something for it or its time is over.
  void AnswerWaiting(int64_t now_ms);

 private:
  struct WaitingFetch {
    std::vector<uint8_t> frame;
    int64_t offset;
    int64_t deadline_ms;
  };

  void Handle(std::span<const uint8_t> frame);
  void HandleProduce(FrameReader in, std::span<const uint8_t> frame);
  void HandleFetch(FrameReader in, std::span<const uint8_t> frame);
  void HandleListOffsets(FrameReader in, std::span<const uint8_t> frame);
  void AnswerFetch(std::span<const uint8_t> frame);
  void Finish(FrameWriter& out);

  int descriptor_;
  uint16_t port_;
  RelayLog& log_;
  int64_t now_ms_ = 0;  // of the last Read
  std::vector<uint8_t> in_;
  std::vector<uint8_t> out_;
  std::optional<WaitingFetch> waiting_;
};

}  // namespace millrace::bench

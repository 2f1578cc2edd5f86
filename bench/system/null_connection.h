// One client of the null broker: reads what is there in one large piece, does with each whole
// request the least that a broker must do, and keeps the answers until the pass is over.
//
//   produce: CRC-32C of the batch, compared; pwrite into the one log file; a fixed answer.
//   fetch: a fixed head and sendfile of as many bytes as were asked for.
//
// Knows only the requests that millrace_load sends: one topic, one partition, and one fetch under
// way for each connection. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bench/system/null_options.h"

namespace millrace::bench {

// The files that all connections share.
struct NullFiles {
  int log = -1;
  int64_t log_size = 0;  // preallocated
  int64_t log_end = 0;
  int fetch = -1;  // zeros; none when the null broker was started without fetches
  int64_t fetch_size = 0;
};

class NullConnection {
 public:
  // `files` must outlive the connection. `number` spreads fetches over their file.
  NullConnection(int descriptor, size_t number, size_t buffer_bytes, NullFiles& files);
  ~NullConnection();
  NullConnection(const NullConnection&) = delete;
  NullConnection& operator=(const NullConnection&) = delete;

  // Reads and handles what has arrived (edge-triggered: all of it). False: the client has gone.
  bool Read();
  // Sends what is due, as far as the socket takes it. False: the client has gone.
  bool Write();
  // An answer that may leave only after the log file was synced (acks=all).
  bool wants_sync() const { return wants_sync_; }
  void Synced() { wants_sync_ = false; }

 private:
  void MakeRoom();
  void HandleFrames();
  void HandleProduce(std::span<const uint8_t> frame);
  void HandleFetch(std::span<const uint8_t> frame);
  bool SendSlice();

  int descriptor_;
  NullFiles& files_;
  std::unique_ptr<uint8_t[]> buffer_;
  size_t capacity_;
  size_t begin_ = 0;  // of what is not handled yet
  size_t end_ = 0;
  std::vector<uint8_t> produce_answer_;  // built for the first request, then only renumbered
  std::vector<uint8_t> out_;
  size_t out_sent_ = 0;
  int64_t slice_left_ = 0;  // of the fetch file, behind out_
  int64_t slice_position_;
  bool wants_sync_ = false;
};

}  // namespace millrace::bench

// The lines of the log that clients can cause: at most a few of each kind in a row, then one a
// second; how many were left out is said afterwards. What a client sends is made printable by
// whoever writes the line.
//
//   if (log.Allows(ClientLog::Kind::kClosed)) log.Warn(fmt::format(...));
//
// Threading: any. Lifetime: Stop must have been called on the home shard, which must outlive it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "broker/runtime/shard.h"

namespace millrace {

class ClientLog final : private Timer {
 public:
  enum class Kind { kRefused, kClosed, kRequest, kMemory };

  explicit ClientLog(Shard& home) : home_(home) {}

  // Counts a line that is left out when it says no.
  bool Allows(Kind kind) { return Allows(kind, SteadyNow()); }
  bool Allows(Kind kind, MonotonicMs now);
  void Warn(std::string_view line);

  uint64_t left_out() const { return left_out_.load(std::memory_order_relaxed); }
  // Says what was left out, and says nothing any more.
  void Stop();

 private:
  static constexpr size_t kKinds = 4;
  static constexpr int64_t kInARow = 10;
  static constexpr int64_t kLineMs = 1000;
  static constexpr int64_t kSayMs = 10'000;

  struct Bucket {
    int64_t lines = kInARow;
    MonotonicMs filled;  // when the last line was added
    uint64_t left_out = 0;
  };

  void OnTimer() override;
  void Say();

  Shard& home_;
  std::mutex mutex_;
  std::array<Bucket, kKinds> buckets_;
  bool will_say_ = false;
  bool stopped_ = false;
  std::atomic<uint64_t> left_out_ = 0;
};

}  // namespace millrace

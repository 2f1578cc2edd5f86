#include "broker/runtime/client_log.h"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace millrace {

namespace {

constexpr std::array<std::string_view, 4> kNames = {"refused connections", "closed connections",
                                                    "refused requests", "memory"};

}  // namespace

bool ClientLog::Allows(Kind kind, MonotonicMs now) {
  std::lock_guard lock(mutex_);
  Bucket& bucket = buckets_[static_cast<size_t>(kind)];
  int64_t more = (now - bucket.filled) / kLineMs;
  if (bucket.lines + more >= kInARow) {
    bucket.lines = kInARow;
    bucket.filled = now;
  } else {
    bucket.lines += more;
    bucket.filled = bucket.filled + more * kLineMs;
  }
  if (bucket.lines > 0) {
    --bucket.lines;
    return true;
  }
  ++bucket.left_out;
  left_out_.fetch_add(1, std::memory_order_relaxed);
  if (will_say_ || stopped_) return false;
  will_say_ = true;
  home_.Post([this] {
    std::lock_guard again(mutex_);
    if (!stopped_) home_.timers().Arm(*this, SteadyNow() + kSayMs);
  });
  return false;
}

void ClientLog::Warn(std::string_view line) { spdlog::warn("{}", line); }

void ClientLog::OnTimer() {
  std::lock_guard lock(mutex_);
  will_say_ = false;
  Say();
}

void ClientLog::Say() {
  for (size_t i = 0; i < kKinds; ++i) {
    if (buckets_[i].left_out == 0) continue;
    spdlog::warn("{} more lines about {} were left out", buckets_[i].left_out, kNames[i]);
    buckets_[i].left_out = 0;
  }
}

void ClientLog::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  Cancel();
  Say();
}

}  // namespace millrace

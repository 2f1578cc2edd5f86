// What the partitions of a log directory must know about its disk: whether it has room for records.
// They tell it in turn that something is written, so that an idle disk is not measured.
//
// Threading: any shard; nothing here blocks. Lifetime: outlives the partitions; `wake` is called on
// the shard of whoever wrote first after a measurement, and of whoever wrote so much that the next
// one is due at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace millrace::partition {

class DiskGate {
 public:
  enum class Urgency { kInTime, kNow };

  explicit DiskGate(std::function<void(Urgency)> wake) : wake_(std::move(wake)) {}

  // Records are refused, but those of internal topics.
  bool is_full() const { return full_.load(std::memory_order_relaxed); }
  // Why, for the client.
  std::string Reason() const;
  void OnAppended(int64_t bytes) {
    if (!awake_.load(std::memory_order_relaxed)) Wake();
    if (unmeasured_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes >=
        unmeasured_bytes_max_.load(std::memory_order_relaxed)) {
      Hurry();
    }
  }
  void OnRefused() {
    refused_.fetch_add(1, std::memory_order_relaxed);
    if (!awake_.load(std::memory_order_relaxed)) Wake();
  }
  // A write found no room, whatever was measured last.
  void OnNoSpace();
  // Whether so many bytes may be reserved ahead of need. If so, they count until the next
  // measurement.
  bool MayReserve(int64_t bytes);

  // From here on for who measures.
  struct State {
    bool is_full = false;
    int64_t reserve_bytes = 0;
    int64_t headroom_bytes = 0;
    int64_t unmeasured_bytes_max = INT64_MAX;
  };
  void Set(const State& state);
  // The next append wakes again.
  void Rest();
  bool TakeNoSpace() { return no_space_.exchange(false); }
  int64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  int64_t reserve_bytes() const { return reserve_bytes_.load(std::memory_order_relaxed); }

 private:
  void Wake();
  void Hurry();

  std::function<void(Urgency)> wake_;
  std::atomic<bool> full_ = false;
  std::atomic<bool> awake_ = false;
  std::atomic<bool> hurried_ = false;
  std::atomic<bool> no_space_ = false;
  std::atomic<int64_t> refused_ = 0;
  std::atomic<int64_t> reserve_bytes_ = 0;
  std::atomic<int64_t> headroom_bytes_ = 0;
  std::atomic<int64_t> unmeasured_bytes_ = 0;
  std::atomic<int64_t> unmeasured_bytes_max_ = INT64_MAX;
};

}  // namespace millrace::partition

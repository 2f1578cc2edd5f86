// What is counted on one shard: plain numbers that their shard changes, and that are copied and
// summed where they are asked for. Counting costs an addition, never a lock or an atomic operation.
//
// Threading: the shard's; a copy may go anywhere. What the numbers mean is in docs/operations.md.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

namespace millrace {

// Why a connection ended.
enum class CloseReason {
  kPeer,         // the client left, or cannot be reached
  kIdle,         // no request for too long
  kHalfFrame,    // the rest of a frame took too long
  kTooLarge,     // a frame beyond the limit
  kMalformed,    // what cannot be parsed
  kUnsupported,  // an API or a version that is not known
  kRefused,      // an acks=0 request that failed
  kMemory,       // it held memory that others needed, and did nothing
  kStopping,     // the broker stops
};
inline constexpr size_t kCloseReasons = static_cast<size_t>(CloseReason::kStopping) + 1;

// Why a connection was closed before it began.
enum class RefuseReason { kConnections, kAddress, kMemory };
inline constexpr size_t kRefuseReasons = static_cast<size_t>(RefuseReason::kMemory) + 1;

// Durations in buckets that double: the first holds what is shorter than 2^kFirstBits ns.
struct LatencyHistogram {
  static constexpr int kFirstBits = 16;   // 65.536 µs
  static constexpr size_t kBuckets = 18;  // the last bound is 2^33 ns, 8.6 s; one more beyond it

  void Add(int64_t ns) {
    int bits = std::bit_width(static_cast<uint64_t>(ns < 0 ? 0 : ns));
    size_t bucket = bits <= kFirstBits ? 0 : static_cast<size_t>(bits - kFirstBits);
    ++counts[bucket < kBuckets ? bucket : kBuckets];
    sum_ns += static_cast<uint64_t>(ns < 0 ? 0 : ns);
  }

  std::array<uint64_t, kBuckets + 1> counts{};
  uint64_t sum_ns = 0;
};

struct ApiMetrics {
  uint64_t requests = 0;
  uint64_t request_bytes = 0;
  uint64_t response_bytes = 0;
  LatencyHistogram latency;
};

struct Metrics {
  // Larger API keys, and negative ones, share the last place.
  static constexpr size_t kApis = 128;
  static size_t ApiIndex(int16_t key) {
    auto index = static_cast<size_t>(static_cast<uint16_t>(key));
    return index < kApis ? index : kApis - 1;
  }

  void Merge(const Metrics& other);

  std::array<ApiMetrics, kApis> apis{};
  std::map<std::pair<size_t, int16_t>, uint64_t> errors;  // by API and error code
  uint64_t accepted = 0;
  uint64_t open = 0;
  std::array<uint64_t, kCloseReasons> closed{};
  std::array<uint64_t, kRefuseReasons> refused{};
};

}  // namespace millrace

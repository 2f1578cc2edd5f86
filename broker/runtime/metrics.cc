#include "broker/runtime/metrics.h"

namespace millrace {

namespace {

template <size_t kSize>
void AddAll(std::array<uint64_t, kSize>& sums, const std::array<uint64_t, kSize>& more) {
  for (size_t i = 0; i < kSize; ++i) sums[i] += more[i];
}

}  // namespace

void Metrics::Merge(const Metrics& other) {
  for (size_t i = 0; i < kApis; ++i) {
    apis[i].requests += other.apis[i].requests;
    apis[i].request_bytes += other.apis[i].request_bytes;
    apis[i].response_bytes += other.apis[i].response_bytes;
    apis[i].latency.sum_ns += other.apis[i].latency.sum_ns;
    AddAll(apis[i].latency.counts, other.apis[i].latency.counts);
  }
  for (const auto& [key, count] : other.errors) errors[key] += count;
  accepted += other.accepted;
  open += other.open;
  AddAll(closed, other.closed);
  AddAll(refused, other.refused);
}

}  // namespace millrace

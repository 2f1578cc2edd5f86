// Produce requests at a constant rate, and pings beside them: what a stall of the server does to
// those who do not wait for it.
//
// Every request has a time at which it should be sent, and its latency counts from there, sent or
// not: a server that stops for a second is late for all requests of that second. The pings are
// ApiVersions requests on a connection of their own, a thousand a second: the longest of them is
// the longest time for which the shard that serves it did not come round.
#pragma once

#include <memory>
#include <vector>

#include "bench/system/load_options.h"
#include "bench/system/traffic.h"

namespace millrace::bench {

class PacedTraffic final : public Traffic {
 public:
  // Connects. Ends the program when the server refuses a connection or, later, a batch.
  explicit PacedTraffic(const LoadOptions& options);
  ~PacedTraffic() override;

  std::span<const int> descriptors() const override { return descriptors_; }
  void OnReady(size_t index) override;
  void BeginWindow() override;

  size_t batch_bytes() const { return batch_bytes_; }
  LatencyHistogram& pings() { return pings_; }

 private:
  // Frames that are all alike, sent one after the other at their times.
  struct Stream;

  void AddStream(const LoadOptions& options, std::vector<uint8_t> frame, double per_second);
  void OnTick();
  void Send(Stream& stream);
  void ReadAnswers(Stream& stream);
  void HandleAnswer(Stream& stream, std::span<const uint8_t> frame);

  size_t batch_bytes_ = 0;
  uint64_t began_ns_ = 0;
  LatencyHistogram pings_;
  std::vector<int> descriptors_;                  // of the streams, and the timer last
  std::vector<std::unique_ptr<Stream>> streams_;  // the pings last
};

}  // namespace millrace::bench

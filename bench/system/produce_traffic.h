// Produce requests in a closed loop: each connection keeps `in_flight` requests under way.
#pragma once

#include <memory>
#include <vector>

#include "bench/system/load_options.h"
#include "bench/system/traffic.h"

namespace millrace::bench {

class ProduceTraffic final : public Traffic {
 public:
  // Connects. Ends the program when the server refuses a connection or, later, a batch.
  explicit ProduceTraffic(const LoadOptions& options);
  ~ProduceTraffic() override;

  std::span<const int> descriptors() const override { return descriptors_; }
  void OnReady(size_t connection) override;

  size_t batch_bytes() const { return batch_bytes_; }
  int32_t records_per_batch() const { return records_per_batch_; }

 private:
  struct Connection;

  void ReadAnswers(Connection& connection);
  void HandleAnswer(Connection& connection, std::span<const uint8_t> frame);
  void SendRequests(Connection& connection);

  uint64_t in_flight_;
  size_t batch_bytes_ = 0;
  int32_t records_per_batch_ = 0;
  std::vector<int> descriptors_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace millrace::bench

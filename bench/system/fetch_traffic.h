// Fetch requests in a closed loop, one under way for each connection, from offset 0 to the end of
// its partition and then from 0 again. The records are dropped unread (MSG_TRUNC), so that the
// generator costs little; how far an answer goes follows from the batches' known size.
#pragma once

#include <memory>
#include <vector>

#include "bench/system/load_options.h"
#include "tools/bench/socket.h"
#include "tools/bench/traffic.h"

namespace millrace::bench {

class FetchTraffic final : public Traffic {
 public:
  // Connects, and ends the program when that fails, or later an answer is not what it should be.
  // Every batch in the topic has options.batch_bytes and options.records_per_batch; max_bytes is
  // best a multiple of batch_bytes, for what follows the last whole batch is fetched again.
  explicit FetchTraffic(const LoadOptions& options);
  ~FetchTraffic() override;

  std::span<const int> descriptors() const override { return descriptors_; }
  absl::Status OnReady(size_t index) override;
  bool awaits_answer() const override { return true; }

 private:
  struct Connection;

  void SendRequest(Connection& connection);
  // False when the socket is empty.
  bool ReadHead(Connection& connection);
  bool DropBody(Connection& connection);
  void ParseHead(Connection& connection);
  void FinishAnswer(Connection& connection);

  size_t batch_bytes_;
  int32_t records_per_batch_;
  std::vector<int> descriptors_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace millrace::bench

// ApiVersions requests at a constant rate on a connection of their own: the longest of them is the
// longest time for which the shard that serves it did not come round. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/bench/frame_stream.h"
#include "tools/bench/traffic.h"

namespace millrace::bench {

class PingTraffic final : public Traffic {
 public:
  static absl::StatusOr<std::unique_ptr<PingTraffic>> Connect(const std::string& server,
                                                              double per_second);

  std::span<const int> descriptors() const override { return descriptors_; }
  absl::Status OnReady(size_t index) override;
  bool awaits_answer() const override { return stream_.under_way() > 0; }

 private:
  PingTraffic(Descriptor socket, Descriptor timer, const Pacer& pacer);

  Pacer pacer_;
  FrameBudget budget_;
  FrameStream stream_;
  Descriptor timer_;
  std::vector<int> descriptors_;  // the connection, the timer
};

}  // namespace millrace::bench

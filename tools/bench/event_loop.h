// Waits for the sockets of one traffic or several and calls them.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include "tools/bench/socket.h"
#include "tools/bench/traffic.h"

namespace millrace::bench {

class EventLoop {
 public:
  // The first requests are sent. The traffics must outlive the loop.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Start(std::vector<Traffic*> traffics);

  // Until that time (CLOCK_MONOTONIC), or until `done`, which is asked after every round. A signal
  // ends a round. Fails when a traffic does, and when an answer is awaited in vain for long.
  absl::Status RunUntil(uint64_t end_ns, absl::FunctionRef<bool()> done);

 private:
  EventLoop(std::vector<Traffic*> traffics, Descriptor epoll)
      : traffics_(std::move(traffics)), epoll_(std::move(epoll)) {}
  absl::Status Watch(size_t number);
  absl::Status CheckStall(uint64_t now_ns);

  std::vector<Traffic*> traffics_;
  Descriptor epoll_;
  uint64_t answers_seen_ = 0;
  uint64_t answered_ns_ = 0;  // when an answer was last seen to have come, or none was awaited
};

}  // namespace millrace::bench

// A whole broker: everything that `millrace serve` runs, built here in the open.
//
//   auto broker = Broker::Start(config);
//   ... (*broker)->port() ...
//   absl::Status status = (*broker)->Stop();
//
// Threading: Start and Stop block and are called from a thread that is no shard's. Errors of Start
// say what is wrong and what to do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "broker/app/config.h"
#include "broker/runtime/memory_budget.h"

namespace millrace {

class Broker {
 public:
  static absl::StatusOr<std::unique_ptr<Broker>> Start(BrokerConfig config);
  ~Broker();

  uint16_t port() const;
  // Of metrics.listener; 0 when it is not set.
  uint16_t metrics_port() const;
  const std::string& cluster_id() const;
  const MemoryBudget& memory_budget() const;
  // Orderly: no new requests, open ones are answered, everything is synced, the data directory is
  // marked clean. Called once; the destructor does it where nobody did.
  absl::Status Stop();

 private:
  struct Parts;
  explicit Broker(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace

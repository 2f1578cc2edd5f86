// What the properties say about limits: memory, connections, frames; and what that means for the
// parts of the broker.
//
// Pure but for what the machine has. Faults name the property, its value and what would be right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "broker/app/descriptor_shares.h"
#include "broker/core/properties.h"
#include "broker/net/address_maxima.h"
#include "broker/net/connection.h"
#include "broker/net/listener.h"
#include "broker/partition/descriptor_cache.h"

namespace millrace {

struct BrokerLimits {
  explicit BrokerLimits(size_t descriptors_max = 0) : descriptors(descriptors_max) {}

  size_t memory_bytes = 0;                // of memory.budget.bytes, what is counted
  size_t shared_memory_bytes = SIZE_MAX;  // queued.max.request.bytes
  net::ConnectionLimits connection;
  net::AddressMaxima address_maxima;
  DescriptorShares descriptors;
  partition::DescriptorCache::Limits files{};  // what they may have at first
  // Lines to be logged once: limits that are lowered by others.
  std::vector<std::string> warnings;
};

absl::StatusOr<BrokerLimits> MakeLimits(const core::Properties& properties);

net::ListenOptions MakeListenOptions(const core::Properties& properties,
                                     const BrokerLimits& limits);

}  // namespace millrace

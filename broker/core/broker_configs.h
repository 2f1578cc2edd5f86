// A broker's properties as they count now: what it was started with, and over that what was changed
// while brokers ran, for all of them and for this one.
//
// Pure. Part of the cluster image, so every shard reads it without a lock:
//   cluster.current().configs->effective().Integer("message.max.bytes")
#pragma once

#include "broker/core/properties.h"

namespace millrace::core {

class BrokerConfigs {
 public:
  explicit BrokerConfigs(Properties at_start)
      : at_start_(std::move(at_start)), effective_(at_start_) {}

  // Replace what was changed at run time. A stored value that a later version no longer takes is
  // left out.
  void SetForAll(PropertyValues values);
  void SetForThis(PropertyValues values);

  const Properties& at_start() const { return at_start_; }
  const PropertyValues& for_all() const { return for_all_; }
  const PropertyValues& for_this() const { return for_this_; }
  const Properties& effective() const { return effective_; }

 private:
  void Merge();

  Properties at_start_;
  PropertyValues for_all_;
  PropertyValues for_this_;
  Properties effective_;
};

}  // namespace millrace::core

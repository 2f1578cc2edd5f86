#include "broker/core/broker_configs.h"

#include <utility>

namespace millrace::core {

void BrokerConfigs::SetForAll(PropertyValues values) {
  for_all_ = std::move(values);
  Merge();
}

void BrokerConfigs::SetForThis(PropertyValues values) {
  for_this_ = std::move(values);
  Merge();
}

void BrokerConfigs::Merge() {
  effective_ = at_start_;
  for (const PropertyValues* layer : {&for_all_, &for_this_}) {
    for (const auto& [name, value] : *layer) static_cast<void>(effective_.Set(name, value));
  }
}

}  // namespace millrace::core

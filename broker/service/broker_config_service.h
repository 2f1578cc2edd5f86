// Properties that are changed while brokers run, of all brokers, of single ones and of groups: kept
// in the metadata store, and read from the cluster image.
//
// Threading: Alter may be called on any shard; the rest lives on the store's.
// Lifetime: everything in Environment outlives the service.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/cluster_image.h"
#include "broker/metadata/store.h"
#include "broker/service/topic_service.h"

namespace millrace::service {

// Takes over what a key of the store says about this broker's properties. False: the key is about
// something else.
bool ApplyBrokerConfigs(std::string_view key, const std::optional<std::string>& value,
                        BrokerId self, core::ClusterImage& image);

struct ConfigOutcome {
  ErrorCode error = ErrorCode::kNone;
  std::string message;
};

// The same for the properties of groups.
bool ApplyGroupConfigs(std::string_view key, const std::optional<std::string>& value,
                       core::ClusterImage& image);

class BrokerConfigService {
 public:
  struct Environment {
    Shard& shard;
    metadata::MetadataStore& store;
    TopicService& topics;  // follows the store
    const ClusterView& view;
  };

  explicit BrokerConfigService(Environment environment) : environment_(environment) {}

  // Of all brokers where none is named. Answers when this broker works with the new values.
  awaitable<ConfigOutcome> Alter(std::optional<BrokerId> broker, ConfigAlteration alteration) {
    return environment_.shard.Run(AlterBroker(broker, std::move(alteration)));
  }
  // There need not be such a group: it may come.
  awaitable<ConfigOutcome> AlterGroup(std::string group, ConfigAlteration alteration) {
    return environment_.shard.Run(AlterOneGroup(std::move(group), std::move(alteration)));
  }

 private:
  // What is set becomes what would be set then.
  using Plan =
      std::function<core::ConfigPlan(core::PropertyValues, const std::vector<core::ConfigChange>&)>;
  awaitable<ConfigOutcome> AlterBroker(std::optional<BrokerId> broker, ConfigAlteration alteration);
  awaitable<ConfigOutcome> AlterOneGroup(std::string group, ConfigAlteration alteration);
  awaitable<ConfigOutcome> AlterAt(std::string key, ConfigAlteration alteration, Plan plan);

  Environment environment_;
};

}  // namespace millrace::service

// Broker properties that are changed while brokers run: kept in the metadata store, for all brokers
// and for single ones, and read from the cluster image.
//
// Threading: Alter may be called on any shard; the rest lives on the store's.
// Lifetime: everything in Environment outlives the service.
#pragma once

#include <optional>
#include <string>
#include <string_view>

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

class BrokerConfigService {
 public:
  struct Environment {
    Shard& shard;
    metadata::MetadataStore& store;
    TopicService& topics;  // follows the store
  };

  explicit BrokerConfigService(Environment environment) : environment_(environment) {}

  // Of all brokers where none is named. Answers when this broker works with the new values.
  awaitable<ConfigOutcome> Alter(std::optional<BrokerId> broker, ConfigAlteration alteration) {
    return environment_.shard.Run(AlterHere(broker, std::move(alteration)));
  }

 private:
  awaitable<ConfigOutcome> AlterHere(std::optional<BrokerId> broker, ConfigAlteration alteration);

  Environment environment_;
};

}  // namespace millrace::service

#include "broker/service/broker_config_service.h"

#include <memory>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "proto/internal/metadata.pb.h"

namespace millrace::service {

namespace {

constexpr std::string_view kPrefix = "configs/brokers/";
constexpr std::string_view kForAll = "configs/brokers/default";
constexpr std::string_view kGroupPrefix = "configs/groups/";

std::string KeyOf(std::optional<BrokerId> broker) {
  if (!broker.has_value()) return std::string(kForAll);
  return fmt::format("{}{}", kPrefix, broker->value());
}

std::optional<core::PropertyValues> Decode(const std::string& bytes) {
  internal::ConfigsValue value;
  if (!value.ParseFromString(bytes)) return std::nullopt;
  return core::PropertyValues(value.configs().begin(), value.configs().end());
}

std::string Encode(const core::PropertyValues& values) {
  internal::ConfigsValue value;
  for (const auto& [name, text] : values) (*value.mutable_configs())[name] = text;
  return value.SerializeAsString();
}

}  // namespace

bool ApplyBrokerConfigs(std::string_view key, const std::optional<std::string>& value,
                        BrokerId self, core::ClusterImage& image) {
  bool is_for_all = key == kForAll;
  if (!is_for_all && key != KeyOf(self)) return false;
  std::optional<core::PropertyValues> values = core::PropertyValues();
  if (value.has_value()) values = Decode(*value);
  if (!values.has_value()) {
    spdlog::error("the metadata at {} does not parse: it is left out", key);
    values.emplace();
  }
  auto configs = std::make_shared<core::BrokerConfigs>(*image.configs);
  if (is_for_all) {
    configs->SetForAll(*std::move(values));
  } else {
    configs->SetForThis(*std::move(values));
  }
  image.configs = std::move(configs);
  return true;
}

bool ApplyGroupConfigs(std::string_view key, const std::optional<std::string>& value,
                       core::ClusterImage& image) {
  if (!key.starts_with(kGroupPrefix)) return false;
  const std::string_view group = key.substr(kGroupPrefix.size());
  auto groups = std::make_shared<core::ClusterImage::GroupConfigs>(*image.groups);
  std::optional<core::PropertyValues> values = core::PropertyValues();
  if (value.has_value()) values = Decode(*value);
  if (!values.has_value()) spdlog::error("the metadata of a group's properties does not parse");
  if (values.has_value() && !values->empty()) {
    groups->insert_or_assign(std::string(group), *std::move(values));
  } else {
    auto found = groups->find(group);
    if (found != groups->end()) groups->erase(found);
  }
  image.groups = std::move(groups);
  return true;
}

awaitable<ConfigOutcome> BrokerConfigService::AlterBroker(std::optional<BrokerId> broker,
                                                          ConfigAlteration alteration) {
  core::BrokerLevel level = broker.has_value() ? core::BrokerLevel::kOne : core::BrokerLevel::kAll;
  Plan plan = [level](core::PropertyValues set, const std::vector<core::ConfigChange>& changes) {
    return core::PlanBrokerConfigs(std::move(set), changes, level);
  };
  co_return co_await AlterAt(KeyOf(broker), std::move(alteration), std::move(plan));
}

awaitable<ConfigOutcome> BrokerConfigService::AlterOneGroup(std::string group,
                                                            ConfigAlteration alteration) {
  const core::ImagePtr image = environment_.view.ptr();
  Plan plan = [image](core::PropertyValues set, const std::vector<core::ConfigChange>& changes) {
    return core::PlanGroupConfigs(std::move(set), changes, image->configs->effective());
  };
  co_return co_await AlterAt(std::string(kGroupPrefix) + group, std::move(alteration),
                             std::move(plan));
}

// Tried again when somebody else changed the same properties in between.
awaitable<ConfigOutcome> BrokerConfigService::AlterAt(std::string key, ConfigAlteration alteration,
                                                      Plan make_plan) {
  for (;;) {
    absl::StatusOr<metadata::Listing> listing = co_await environment_.store.List(key);
    if (!listing.ok()) {
      co_return ConfigOutcome{ErrorCode::kKafkaStorageError,
                              std::string(listing.status().message())};
    }
    metadata::Condition condition{.key = key};
    core::PropertyValues before;
    if (!listing->entries.empty() && listing->entries[0].key == key) {
      condition.modified = listing->entries[0].modified;
      before = Decode(listing->entries[0].value).value_or(core::PropertyValues());
    }
    core::ConfigPlan plan =
        make_plan(alteration.replace ? core::PropertyValues() : before, alteration.changes);
    bool is_done = plan.error != ErrorCode::kNone || alteration.validate_only;
    if (is_done) co_return ConfigOutcome{plan.error, std::move(plan.message)};
    for (const std::string& name : plan.without_effect) {
      spdlog::warn("{} has no effect in this broker", name);
    }
    if (plan.values == before) co_return ConfigOutcome{};
    metadata::Transaction transaction;
    transaction.conditions.push_back(std::move(condition));
    metadata::Mutation mutation{.key = key};
    if (!plan.values.empty()) mutation.value = Encode(plan.values);
    transaction.mutations.push_back(std::move(mutation));
    auto committed = co_await environment_.store.Commit(std::move(transaction));
    if (!committed.ok()) {
      co_return ConfigOutcome{ErrorCode::kKafkaStorageError,
                              std::string(committed.status().message())};
    }
    if (!committed->committed) continue;
    co_await environment_.topics.Applied(committed->revision);
    co_return ConfigOutcome{};
  }
}

}  // namespace millrace::service

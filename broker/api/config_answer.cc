#include "broker/api/config_answer.h"

namespace millrace::api {

namespace {

wire::ConfigType TypeOf(core::PropertyType type) {
  switch (type) {
    case core::PropertyType::kBool:
      return wire::ConfigType::kBoolean;
    case core::PropertyType::kInt:
      return wire::ConfigType::kInt;
    case core::PropertyType::kShort:
      return wire::ConfigType::kShort;
    case core::PropertyType::kLong:
      return wire::ConfigType::kLong;
    case core::PropertyType::kDouble:
      return wire::ConfigType::kDouble;
    case core::PropertyType::kText:
      return wire::ConfigType::kString;
    case core::PropertyType::kList:
      return wire::ConfigType::kList;
  }
  return wire::ConfigType::kUnknown;
}

}  // namespace

wire::ConfigSource SourceOf(core::ConfigLayer layer) {
  switch (layer) {
    case core::ConfigLayer::kTopic:
      return wire::ConfigSource::kTopicConfig;
    case core::ConfigLayer::kGroup:
      return wire::ConfigSource::kGroupConfig;
    case core::ConfigLayer::kOneBroker:
      return wire::ConfigSource::kDynamicBrokerConfig;
    case core::ConfigLayer::kAllBrokers:
      return wire::ConfigSource::kDynamicDefaultBrokerConfig;
    case core::ConfigLayer::kAtStart:
      return wire::ConfigSource::kStaticBrokerConfig;
    case core::ConfigLayer::kDefault:
      return wire::ConfigSource::kDefaultConfig;
  }
  return wire::ConfigSource::kUnknown;
}

wire::DescribeConfigsResponse::Config MakeConfig(const core::ConfigView& view,
                                                 const ConfigDetails& details, wire::Arena& arena) {
  wire::DescribeConfigsResponse::Config config;
  config.name = view.property->name;
  if (view.value.has_value()) config.value = arena.Copy(*view.value);
  config.read_only = view.is_read_only;
  config.config_source = SourceOf(view.layer);
  config.is_default = view.layer == core::ConfigLayer::kDefault;
  config.config_type = TypeOf(view.property->type);
  if (details.documentation) config.documentation = core::HelpOf(*view.property);
  if (!details.synonyms) return config;
  config.synonyms = arena.NewArray<wire::DescribeConfigsResponse::Synonym>(view.settings.size());
  for (size_t i = 0; i < view.settings.size(); ++i) {
    const core::ConfigSetting& setting = view.settings[i];
    config.synonyms[i] = {arena.Copy(setting.name), arena.Copy(setting.value),
                          SourceOf(setting.layer)};
  }
  return config;
}

wire::Array<wire::CreateTopicsResponse::Config> MakeConfigs(
    const std::vector<core::ConfigView>& views, wire::Arena& arena) {
  auto configs = arena.NewArray<wire::CreateTopicsResponse::Config>(views.size());
  for (size_t i = 0; i < views.size(); ++i) {
    configs[i].name = views[i].property->name;
    if (views[i].value.has_value()) configs[i].value = arena.Copy(*views[i].value);
    configs[i].config_source = SourceOf(views[i].layer);
  }
  return configs;
}

}  // namespace millrace::api

#include "broker/core/config_view.h"

#include <utility>

namespace millrace::core {

namespace {

// `name` is of the property table, and so outlives the setting.
void AddIfSet(const PropertyValues& values, std::string_view name, ConfigLayer layer,
              std::vector<ConfigSetting>& settings) {
  auto found = values.find(name);
  if (found != values.end()) settings.push_back({name, found->second, layer});
}

void AddLayer(const BrokerConfigs& broker, ConfigLayer layer, std::string_view name,
              std::vector<ConfigSetting>& settings) {
  switch (layer) {
    case ConfigLayer::kTopic:
    case ConfigLayer::kGroup:
      return;
    case ConfigLayer::kOneBroker:
      return AddIfSet(broker.for_this(), name, layer, settings);
    case ConfigLayer::kAllBrokers:
      return AddIfSet(broker.for_all(), name, layer, settings);
    case ConfigLayer::kAtStart:
      return AddIfSet(broker.at_start().values(), name, layer, settings);
    case ConfigLayer::kDefault: {
      const Property* property = FindProperty(PropertyScope::kBroker, name);
      if (property == nullptr || property->default_value.empty()) return;
      settings.push_back({property->name, std::string(property->default_value), layer});
    }
  }
}

// Kafka begins with the property itself: what only other units set is not shown.
std::vector<ConfigSetting> SettingsOf(const BrokerConfigs& broker, std::string_view name) {
  std::vector<ConfigSetting> settings;
  for (ConfigLayer layer : {ConfigLayer::kOneBroker, ConfigLayer::kAllBrokers,
                            ConfigLayer::kAtStart, ConfigLayer::kDefault}) {
    std::span<const Unit> units = UnitsOf(name);
    if (units.empty()) AddLayer(broker, layer, name, settings);
    for (const Unit& unit : units) AddLayer(broker, layer, unit.name, settings);
  }
  auto own = settings.begin();
  while (own != settings.end() && own->name != name) ++own;
  settings.erase(settings.begin(), own);
  return settings;
}

ConfigLayer LayerOf(const std::vector<ConfigSetting>& settings) {
  return settings.empty() ? ConfigLayer::kDefault : settings[0].layer;
}

// Of a topic or a group, which `own` says.
ConfigView ViewOfOne(const Property& property, const BrokerConfigs& broker,
                     const PropertyValues& set, ConfigLayer own) {
  ConfigView view{.property = &property, .is_read_only = false};
  AddIfSet(set, property.name, own, view.settings);
  if (!view.settings.empty()) {
    view.value = view.settings[0].value;
  } else if (property.broker_name.empty()) {
    view.value = property.default_value;
  } else {
    view.value = broker.effective().Effective(property.broker_name);
  }
  if (!property.broker_name.empty()) {
    for (ConfigSetting& setting : SettingsOf(broker, property.broker_name)) {
      view.settings.push_back(std::move(setting));
    }
  }
  view.layer = LayerOf(view.settings);
  return view;
}

ConfigView ViewOfBroker(const Property& property, const BrokerConfigs& broker) {
  ConfigView view{.property = &property,
                  .is_read_only = property.update == UpdateMode::kReadOnly,
                  .settings = SettingsOf(broker, property.name)};
  view.layer = LayerOf(view.settings);
  bool has_value = broker.effective().IsSet(property.name) || !property.default_value.empty();
  if (has_value) view.value = broker.effective().Text(property.name);
  return view;
}

template <class View>
std::vector<ConfigView> ViewScope(PropertyScope scope, View view) {
  std::vector<ConfigView> views;
  for (const Property& property : AllProperties()) {
    if (property.scope == scope) views.push_back(view(property));
  }
  return views;
}

}  // namespace

std::vector<ConfigView> ViewTopic(const BrokerConfigs& broker, const PropertyValues& set) {
  return ViewScope(PropertyScope::kTopic, [&](const Property& property) {
    return ViewOfOne(property, broker, set, ConfigLayer::kTopic);
  });
}

std::vector<ConfigView> ViewGroup(const BrokerConfigs& broker, const PropertyValues& set) {
  return ViewScope(PropertyScope::kGroup, [&](const Property& property) {
    return ViewOfOne(property, broker, set, ConfigLayer::kGroup);
  });
}

std::vector<ConfigView> ViewBroker(const BrokerConfigs& broker) {
  return ViewScope(PropertyScope::kBroker,
                   [&](const Property& property) { return ViewOfBroker(property, broker); });
}

std::vector<ConfigView> ViewAllBrokers(const BrokerConfigs& broker) {
  std::vector<ConfigView> views;
  for (const auto& [name, value] : broker.for_all()) {
    const Property* property = FindProperty(PropertyScope::kBroker, name);
    if (property == nullptr) continue;
    views.push_back({.property = property,
                     .value = value,
                     .layer = ConfigLayer::kAllBrokers,
                     .is_read_only = property->update == UpdateMode::kReadOnly,
                     .settings = {{property->name, value, ConfigLayer::kAllBrokers}}});
  }
  return views;
}

}  // namespace millrace::core

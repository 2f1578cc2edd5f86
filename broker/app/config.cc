#include "broker/app/config.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

namespace millrace {

namespace {

absl::Status Refuse(std::string message) { return absl::InvalidArgumentError(message); }

// One architecture, one core: hopping costs more than a small request.
size_t ShardsFor(int64_t asked, size_t cores) {
  if (asked > 0) return static_cast<size_t>(asked);
  return cores <= 4 ? 1 : cores / 2;
}

bool IsWildcard(std::string_view host) { return host.empty() || host == "0.0.0.0" || host == "::"; }
bool IsLoopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

bool Contains(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    size_t comma = std::min(list.find(','), list.size());
    if (TrimBlank(list.substr(0, comma)) == wanted) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// The one listener for clients of a list like PLAINTEXT://host:port,CONTROLLER://host:port.
absl::StatusOr<Endpoint> ParseListeners(std::string_view name, BrokerConfig& config) {
  const core::Properties& properties = config.properties;
  std::string listeners = properties.Text(name);
  std::string_view rest = listeners;
  std::string_view chosen;
  while (!rest.empty()) {
    size_t comma = std::min(rest.find(','), rest.size());
    std::string_view listener = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    size_t scheme = listener.find("://");
    if (scheme == std::string_view::npos) {
      return Refuse(fmt::format("{} must be PLAINTEXT://host:port, not '{}'", name, listener));
    }
    if (Contains(properties.Text("controller.listener.names"), listener.substr(0, scheme))) {
      config.warnings.push_back(
          fmt::format("{}: {} is left out, for it is a controller's", name, listener));
    } else if (!chosen.empty()) {
      return Refuse(fmt::format("{}: one listener is supported, not '{}'", name, listeners));
    } else {
      chosen = listener;
    }
  }
  if (chosen.empty()) return Refuse(fmt::format("{} must be PLAINTEXT://host:port", name));
  size_t scheme = chosen.find("://");
  std::string_view protocol = chosen.substr(0, scheme);
  bool is_plain = Contains(properties.Text("listener.security.protocol.map"),
                           fmt::format("{}:PLAINTEXT", protocol));
  if (!is_plain) {
    return Refuse(fmt::format("{}: only PLAINTEXT is supported, not '{}'", name, protocol));
  }
  return ParseEndpoint(chosen.substr(scheme + 3));
}

std::string WithoutEffect(std::string_view name) {
  constexpr std::string_view kAccess[] = {"authorizer.class.name", "super.users",
                                          "allow.everyone.if.no.acl.found"};
  if (std::find(std::begin(kAccess), std::end(kAccess), name) != std::end(kAccess)) {
    return fmt::format(
        "{} has no effect: THERE IS NO ACCESS CONTROL in this broker; everyone who can reach its "
        "port may read and write all topics",
        name);
  }
  return fmt::format("{} has no effect in this broker", name);
}

absl::Status SetAll(const std::vector<NameAndValue>& values, BrokerConfig& config) {
  for (const auto& [name, value] : values) {
    bool is_ours = core::FindProperty(core::PropertyScope::kBroker, name) != nullptr;
    if (!is_ours && core::IsKafkaOnlyProperty(name)) {
      config.warnings.push_back(WithoutEffect(name));
      continue;
    }
    std::optional<std::string> fault = config.properties.Set(name, value);
    if (fault.has_value()) return Refuse(*std::move(fault));
  }
  return absl::OkStatus();
}

absl::Status SetListeners(BrokerConfig& config) {
  auto listen = ParseListeners("listeners", config);
  if (!listen.ok()) return listen.status();
  config.listen = *std::move(listen);
  if (config.listen.host.empty()) config.listen.host = "::";  // of both kinds, as Kafka does
  std::string advertised = config.properties.Text("advertised.listeners");
  if (advertised.empty() && IsWildcard(config.listen.host)) {
    return Refuse(fmt::format(
        "listening on all addresses ({}:{}) needs advertised.listeners, the address that clients "
        "are told: --set advertised.listeners=PLAINTEXT://<this host>:{}",
        config.listen.host, config.listen.port, config.listen.port));
  }
  config.advertised = {config.listen.host, 0};
  if (!advertised.empty()) {
    auto parsed = ParseListeners("advertised.listeners", config);
    if (!parsed.ok()) return parsed.status();
    if (IsWildcard(parsed->host)) {
      return Refuse("advertised.listeners must name a host that clients can reach");
    }
    config.advertised = *std::move(parsed);
  }
  if (!IsLoopback(config.listen.host)) {
    config.warnings.push_back(fmt::format(
        "listening on {} without authentication or encryption: everyone who can reach this port "
        "may read and write all topics",
        config.listen.host));
  }
  return absl::OkStatus();
}

absl::Status SetMetricsListener(BrokerConfig& config) {
  std::string listener = config.properties.Text("metrics.listener");
  if (listener.empty()) return absl::OkStatus();
  auto endpoint = ParseEndpoint(listener);
  if (!endpoint.ok() || endpoint->host.empty()) {
    return Refuse(fmt::format("metrics.listener must be host:port, not '{}'", listener));
  }
  config.metrics = *std::move(endpoint);
  return absl::OkStatus();
}

// As it was written: the property's own value has no empty elements any more, and none twice.
std::string_view LastValue(const std::vector<NameAndValue>& values, std::string_view name) {
  for (auto value = values.rbegin(); value != values.rend(); ++value) {
    if (value->first == name) return value->second;
  }
  return {};
}

// The directory that a path leads to, as far as it is there already.
std::string Destination(const std::string& path) {
  std::error_code error;
  std::filesystem::path found = std::filesystem::weakly_canonical(path, error);
  if (error) found = std::filesystem::absolute(path).lexically_normal();
  return found;
}

absl::Status SetLogDirectories(const std::vector<NameAndValue>& values, BrokerConfig& config) {
  std::string_view name = "log.dirs";
  std::string list(TrimBlank(LastValue(values, name)));
  if (list.empty()) {
    name = "log.dir";
    list = config.properties.IsSet(name) ? LastValue(values, name) : config.properties.Text(name);
  }
  for (std::string_view rest = list;; rest.remove_prefix(rest.find(',') + 1)) {
    std::string path(TrimBlank(rest.substr(0, rest.find(','))));
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (path.empty()) return Refuse(fmt::format("{} has an empty element: '{}'", name, list));
    for (const std::string& other : config.log_directories) {
      if (Destination(other) != Destination(path)) continue;
      return Refuse(fmt::format("{} names one directory twice: '{}' and '{}'", name, other, path));
    }
    config.log_directories.push_back(std::move(path));
    if (rest.find(',') == std::string_view::npos) break;
  }
  return absl::OkStatus();
}

}  // namespace

EnvironmentSettings ReadEnvironment(const std::vector<std::string>& variables) {
  constexpr std::string_view kPrefix = "MILLRACE_";
  EnvironmentSettings settings;
  for (std::string_view variable : variables) {
    size_t equals = variable.find('=');
    if (!variable.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    std::string name(variable.substr(kPrefix.size(), equals - kPrefix.size()));
    for (char& c : name) {
      if (c == '_') c = '.';
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    bool is_known = core::FindProperty(core::PropertyScope::kBroker, name) != nullptr ||
                    core::IsKafkaOnlyProperty(name);
    if (is_known) {
      settings.values.emplace_back(std::move(name), variable.substr(equals + 1));
    } else {
      settings.warnings.push_back(
          fmt::format("the environment's {} is passed over: {}", variable.substr(0, equals),
                      core::UnknownProperty(core::PropertyScope::kBroker, name)));
    }
  }
  return settings;
}

absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return Refuse(fmt::format("'{}' is not host:port", text));
  }
  std::string_view port_text = text.substr(colon + 1);
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  uint16_t port = 0;
  auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc() || end != port_text.data() + port_text.size()) {
    return Refuse(fmt::format("'{}' is not a port in '{}'", port_text, text));
  }
  return Endpoint{std::string(host), port};
}

namespace {

absl::Status SetLimits(BrokerConfig& config) {
  absl::StatusOr<BrokerLimits> limits = MakeLimits(config.properties);
  if (!limits.ok()) return limits.status();
  config.limits = *std::move(limits);
  for (const std::string& warning : config.limits.warnings) config.warnings.push_back(warning);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BrokerConfig> MakeConfig(const std::vector<NameAndValue>& values, size_t cores) {
  BrokerConfig config;
  absl::Status status = SetAll(values, config);
  if (status.ok()) status = SetListeners(config);
  if (status.ok()) status = SetMetricsListener(config);
  if (status.ok()) status = SetLogDirectories(values, config);
  if (status.ok()) status = SetLimits(config);
  if (!status.ok()) return status;
  config.shards = ShardsFor(config.properties.Integer("num.shards"), cores);
  if (config.properties.IsSet("broker.id") && !config.properties.IsSet("node.id")) {
    std::optional<std::string> fault =
        config.properties.Set("node.id", config.properties.Text("broker.id"));
    if (fault.has_value()) return Refuse(*std::move(fault));
  }
  return config;
}

}  // namespace millrace

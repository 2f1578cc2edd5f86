#include "broker/app/config.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace millrace {

namespace {

constexpr std::string_view kBlank = " \t\r\f";

std::string_view Trim(std::string_view text) {
  size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

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

// The one listener of a list like PLAINTEXT://host:port.
absl::StatusOr<Endpoint> ParseListener(std::string_view name, std::string_view value) {
  if (value.find(',') != std::string_view::npos) {
    return Refuse(fmt::format("{}: one listener is supported, not '{}'", name, value));
  }
  size_t scheme = value.find("://");
  if (scheme == std::string_view::npos) {
    return Refuse(fmt::format("{} must be PLAINTEXT://host:port, not '{}'", name, value));
  }
  if (value.substr(0, scheme) != "PLAINTEXT") {
    return Refuse(
        fmt::format("{}: only PLAINTEXT is supported, not '{}'", name, value.substr(0, scheme)));
  }
  return ParseEndpoint(value.substr(scheme + 3));
}

absl::Status SetAll(const std::vector<NameAndValue>& values, BrokerConfig& config) {
  for (const auto& [name, value] : values) {
    bool is_ours = core::FindProperty(core::PropertyScope::kBroker, name) != nullptr;
    if (!is_ours && core::IsKafkaOnlyProperty(name)) {
      config.warnings.push_back(fmt::format("{} has no effect in this broker", name));
      continue;
    }
    std::optional<std::string> fault = config.properties.Set(name, value);
    if (fault.has_value()) return Refuse(*std::move(fault));
  }
  return absl::OkStatus();
}

absl::Status SetListeners(BrokerConfig& config) {
  auto listen = ParseListener("listeners", config.properties.Text("listeners"));
  if (!listen.ok()) return listen.status();
  config.listen = *std::move(listen);
  if (config.listen.host.empty()) config.listen.host = "0.0.0.0";
  std::string advertised = config.properties.Text("advertised.listeners");
  if (advertised.empty() && IsWildcard(config.listen.host)) {
    return Refuse(fmt::format(
        "listening on all addresses ({}:{}) needs advertised.listeners, the address that clients "
        "are told: --set advertised.listeners=PLAINTEXT://<this host>:{}",
        config.listen.host, config.listen.port, config.listen.port));
  }
  config.advertised = {config.listen.host, 0};
  if (!advertised.empty()) {
    auto parsed = ParseListener("advertised.listeners", advertised);
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

absl::Status SetDataDirectory(BrokerConfig& config) {
  std::string directories = config.properties.Text("log.dirs");
  if (directories.empty()) directories = config.properties.Text("log.dir");
  if (directories.find(',') != std::string::npos) {
    return Refuse(fmt::format("log.dirs: one directory is supported, not '{}'", directories));
  }
  config.data_directory = std::move(directories);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<NameAndValue>> ParsePropertiesFile(std::string_view text) {
  std::vector<NameAndValue> values;
  std::string line;
  for (size_t number = 1; !text.empty(); ++number) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view part = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() && (part.empty() || part[0] == '#' || part[0] == '!')) continue;
    bool continues = part.ends_with('\\');
    if (continues) part.remove_suffix(1);
    line += part;
    if (continues && !text.empty()) continue;
    size_t separator = line.find_first_of("=:");
    if (separator == std::string::npos) {
      return Refuse(fmt::format("line {}: '{}' is not name=value", number, line));
    }
    std::string_view whole = line;
    values.emplace_back(Trim(whole.substr(0, separator)), Trim(whole.substr(separator + 1)));
    line.clear();
  }
  return values;
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

absl::StatusOr<BrokerConfig> MakeConfig(const std::vector<NameAndValue>& values, size_t cores) {
  BrokerConfig config;
  absl::Status status = SetAll(values, config);
  if (status.ok()) status = SetListeners(config);
  if (status.ok()) status = SetDataDirectory(config);
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

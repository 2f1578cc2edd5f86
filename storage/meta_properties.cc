#include "storage/meta_properties.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include <absl/strings/ascii.h>
#include <fmt/format.h>

#include "storage/checkpoint_text.h"

namespace millrace::storage {
namespace {

using Properties = std::map<std::string, std::string, std::less<>>;

constexpr std::string_view kBlanks = " \t\f\r";

std::string_view TrimLeft(std::string_view text) {
  const size_t start = text.find_first_not_of(kBlanks);
  return start == std::string_view::npos ? std::string_view() : text.substr(start);
}

// The text up to an unescaped character of `stops`, without its backslashes; `rest` begins there.
// Of Java's escapes only that of a single character occurs in ids and names.
std::string Unescape(std::string_view text, std::string_view stops, std::string_view& rest) {
  std::string out;
  size_t at = 0;
  while (at < text.size() && stops.find(text[at]) == std::string_view::npos) {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    out.push_back(text[at++]);
  }
  rest = text.substr(at);
  return out;
}

void ReadLine(std::string_view line, Properties& properties) {
  line = TrimLeft(line);
  if (line.empty() || line[0] == '#' || line[0] == '!') return;
  std::string_view rest;
  std::string name = Unescape(line, "=: \t\f\r", rest);
  rest = TrimLeft(rest);
  if (!rest.empty() && (rest[0] == '=' || rest[0] == ':')) rest = TrimLeft(rest.substr(1));
  // Escaped once, the value ends at the end of the line, but for a Windows one.
  std::string_view nothing;
  properties.insert_or_assign(std::move(name), Unescape(rest, "\r", nothing));
}

Properties ReadProperties(std::string_view text) {
  Properties properties;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    ReadLine(text.substr(0, end), properties);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return properties;
}

absl::StatusOr<std::string> Require(const Properties& properties, std::string_view name) {
  const auto found = properties.find(name);
  if (found == properties.end() || found->second.empty()) {
    return absl::DataLossError(fmt::format("it has no {}", name));
  }
  return found->second;
}

// An id of printable characters: any other is damage, and could not be written as it was read.
absl::Status CheckId(std::string_view name, std::string_view id) {
  if (std::ranges::none_of(id, [](char c) { return absl::ascii_iscntrl(c); })) {
    return absl::OkStatus();
  }
  return absl::DataLossError(fmt::format("its {} {:?} holds a control character", name, id));
}

// Escapes what a Java reader would take for something else.
std::string Escape(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (std::string_view("\\=:#! ").find(c) != std::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

}  // namespace

std::string EncodeMetaProperties(const MetaProperties& properties) {
  std::string out = "# Which cluster and which broker this directory belongs to. Do not edit.\n";
  out += fmt::format("cluster.id={}\n", Escape(properties.cluster_id));
  if (properties.directory_id) {
    out += fmt::format("directory.id={}\n", Escape(*properties.directory_id));
  }
  out += fmt::format("node.id={}\nversion=1\n", properties.node_id.value());
  return out;
}

absl::StatusOr<MetaProperties> DecodeMetaProperties(std::string_view text) {
  const Properties found = ReadProperties(text);
  const absl::StatusOr<std::string> version = Require(found, "version");
  if (!version.ok()) return version.status();
  if (*version != "1") {
    return absl::DataLossError(fmt::format("its version is {}, not 1", *version));
  }
  const absl::StatusOr<std::string> cluster_id = Require(found, "cluster.id");
  if (!cluster_id.ok()) return cluster_id.status();
  const absl::StatusOr<std::string> node_id = Require(found, "node.id");
  if (!node_id.ok()) return node_id.status();
  const std::optional<int32_t> node = ParseNumber<int32_t>(*node_id);
  if (!node) return absl::DataLossError(fmt::format("its node.id {} is not a number", *node_id));

  MetaProperties properties{*cluster_id, BrokerId(*node), std::nullopt};
  const auto directory_id = found.find("directory.id");
  if (directory_id != found.end()) properties.directory_id = directory_id->second;
  absl::Status status = CheckId("cluster.id", properties.cluster_id);
  status.Update(CheckId("directory.id", properties.directory_id.value_or("")));
  if (!status.ok()) return status;
  return properties;
}

}  // namespace millrace::storage

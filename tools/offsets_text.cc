#include "tools/offsets_text.h"

#include <charconv>

#include <fmt/format.h>

#include "proto/topic_name.h"

namespace millrace::tools {

namespace {

// Only digits: no blanks, no signs.
template <class Number>
std::optional<Number> ParseCount(std::string_view text) {
  Number number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool is_all = error == std::errc() && end == text.data() + text.size();
  if (!is_all || text.starts_with('-')) return std::nullopt;
  return number;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  size_t end = 0;
  while ((end = text.find(separator)) != std::string_view::npos) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

std::string_view Stripped(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view WithoutQuotes(std::string_view text) {
  bool is_quoted = text.size() >= 2 && text.starts_with('"') && text.ends_with('"');
  return is_quoted ? text.substr(1, text.size() - 2) : text;
}

absl::Status BadLine(size_t number, std::string_view line, std::string_view reason) {
  return absl::InvalidArgumentError(
      fmt::format("line {}: '{}': {}", number, Stripped(line), reason));
}

absl::Status ParseLine(std::string_view line, size_t number, OffsetMap& offsets) {
  std::vector<std::string_view> fields = Split(line, ',');
  for (std::string_view& field : fields) field = WithoutQuotes(Stripped(field));
  if (fields.size() != 3) return BadLine(number, line, "must be topic,partition,offset");
  if (auto reason = InvalidTopicName(fields[0]); reason.has_value()) {
    return BadLine(number, line, *reason);
  }
  auto partition = ParseCount<int32_t>(fields[1]);
  if (!partition.has_value()) {
    return BadLine(number, line, fmt::format("'{}' is no partition", fields[1]));
  }
  auto offset = ParseCount<int64_t>(fields[2]);
  if (!offset.has_value()) {
    return BadLine(number, line, fmt::format("'{}' is no offset", fields[2]));
  }
  TopicPartition at{std::string(fields[0]), PartitionIndex(*partition)};
  if (!offsets.emplace(std::move(at), Offset(*offset)).second) {
    return BadLine(number, line, "the partition stands there twice");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TopicSelection> ParseTopicSelection(std::string_view text) {
  TopicSelection selection;
  size_t colon = text.find(':');
  selection.topic = std::string(text.substr(0, colon));
  if (auto reason = InvalidTopicName(selection.topic); reason.has_value()) {
    return absl::InvalidArgumentError(fmt::format("--topic '{}': {}", text, *reason));
  }
  if (colon == std::string_view::npos) return selection;
  for (std::string_view word : Split(text.substr(colon + 1), ',')) {
    auto partition = ParseCount<int32_t>(word);
    if (!partition.has_value()) {
      return absl::InvalidArgumentError(
          fmt::format("--topic '{}': '{}' is no partition, write it like orders:0,2", text, word));
    }
    selection.partitions.push_back(PartitionIndex(*partition));
  }
  return selection;
}

absl::StatusOr<OffsetMap> ParseOffsetsCsv(std::string_view text) {
  OffsetMap offsets;
  size_t number = 0;
  for (std::string_view line : Split(text, '\n')) {
    ++number;
    if (Stripped(line).empty()) continue;
    absl::Status status = ParseLine(line, number, offsets);
    if (!status.ok()) return status;
  }
  if (offsets.empty()) return absl::InvalidArgumentError("there is no line in it");
  return offsets;
}

std::string OffsetsCsvLine(const TopicPartition& at, Offset offset) {
  return fmt::format("{},{},{}", at.topic, at.partition.value(), offset.value());
}

}  // namespace millrace::tools

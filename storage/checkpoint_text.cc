#include "storage/checkpoint_text.h"

#include <cstdint>

#include <fmt/format.h>

#include "proto/invariant.h"

namespace millrace::storage {
namespace {

constexpr std::string_view kVersion = "0";

std::vector<std::string_view> Split(std::string_view line) {
  std::vector<std::string_view> fields;
  for (size_t space = line.find(' '); space != std::string_view::npos; space = line.find(' ')) {
    fields.push_back(line.substr(0, space));
    line.remove_prefix(space + 1);
  }
  fields.push_back(line);
  return fields;
}

}  // namespace

std::string CheckpointHeader(size_t entries) { return fmt::format("{}\n{}\n", kVersion, entries); }

std::optional<std::string_view> CheckpointReader::NextLine() {
  ++line_number_;
  const size_t end = rest_.find('\n');
  // Every line has an end, so that a torn number is never taken for a smaller one.
  if (end == std::string_view::npos) {
    line_ = rest_;
    return std::nullopt;
  }
  line_ = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return line_;
}

absl::Status CheckpointReader::Fault(std::string_view what) const {
  constexpr size_t kQuotedMax = 80;
  return absl::DataLossError(fmt::format("checkpoint line {}: \"{}\" {}", line_number_,
                                         line_.substr(0, kQuotedMax), what));
}

absl::Status CheckpointReader::ReadHeader() {
  const std::optional<std::string_view> version = NextLine();
  if (!version) return Fault("ends before the version line does");
  if (*version != kVersion) return Fault("is not version 0");
  const std::optional<std::string_view> count = NextLine();
  if (!count) return Fault("ends before the number of entries does");
  const std::optional<int64_t> entries = ParseNumber<int64_t>(*count);
  if (!entries) return Fault("is not a number of entries");
  entries_left_ = static_cast<size_t>(*entries);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string_view>> CheckpointReader::NextEntry(size_t fields) {
  INVARIANT(entries_left_ > 0);
  const std::optional<std::string_view> line = NextLine();
  if (!line) return Fault(fmt::format("ends, but {} more entries were announced", entries_left_));
  --entries_left_;
  std::vector<std::string_view> found = Split(*line);
  if (found.size() != fields) {
    return Fault(fmt::format("has {} fields, not {}", found.size(), fields));
  }
  return found;
}

absl::Status CheckpointReader::CheckEnd() const {
  if (rest_.empty()) return absl::OkStatus();
  return Fault("is the last entry announced, but more follows");
}

}  // namespace millrace::storage

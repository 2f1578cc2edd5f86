#include "tools/group_output.h"

#include <algorithm>
#include <cstdio>

namespace millrace::tools {

namespace json = boost::json;

void Print(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

void Print(const json::value& value) { Print(std::string_view(json::serialize(value))); }

void Remark(std::string_view line) {
  std::fflush(stdout);  // so that where both go to one place they stand in order
  std::string text = fmt::format("millrace: {}\n", line);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void Table::Add(Row row) {
  for (std::string& cell : row) {
    if (cell.empty()) cell = "-";
  }
  rows_.push_back(std::move(row));
}

void Table::Print() const {
  std::vector<size_t> widths(rows_.front().size());
  for (const Row& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows_) {
    std::string line;
    for (size_t i = 0; i + 1 < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    tools::Print(std::string_view(line + row.back()));
  }
}

json::object ErrorJson(std::string_view group, const absl::Status& status) {
  json::object object;
  if (!group.empty()) object["group"] = group;
  object["error"] = ErrorNameOf(status);
  object["message"] = std::string(status.message());
  return object;
}

void RemarkError(std::string_view group, const absl::Status& status) {
  std::string text;
  if (!group.empty()) text = fmt::format("group '{}': ", group);
  std::string message(status.message());
  // The name says more than the sentence where a broker refuses, and nothing where the user erred.
  if (KafkaErrorOf(status).has_value()) text += fmt::format("{}: ", ErrorNameOf(status));
  Remark(text + message);
}

int Fail(const GroupOptions& options, std::string_view group, const absl::Status& status) {
  if (options.json) {
    Print(json::value(ErrorJson(group, status)));
  } else {
    RemarkError(group, status);
  }
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

std::string TextOf(const TopicPartition& at) {
  return fmt::format("{}-{}", at.topic, at.partition.value());
}

json::value ToJson(const std::optional<Offset>& offset) {
  return offset.has_value() ? json::value(offset->value()) : json::value(nullptr);
}

json::value ToJson(const std::optional<int64_t>& number) {
  return number.has_value() ? json::value(*number) : json::value(nullptr);
}

json::value ToJson(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

}  // namespace millrace::tools

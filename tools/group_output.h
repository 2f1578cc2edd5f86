// How the group commands speak: tables or JSON on stdout, reasons and remarks on stderr.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <boost/json.hpp>
#include <fmt/format.h>

#include "tools/group_commands.h"
#include "tools/group_facts.h"
#include "tools/kafka_status.h"

namespace millrace::tools {

void Print(std::string_view line);
void Print(const boost::json::value& value);
// On stderr, after "millrace: ".
void Remark(std::string_view line);

// Columns as wide as they need to be.
class Table {
 public:
  using Row = std::vector<std::string>;

  explicit Table(Row names) : rows_{std::move(names)} {}
  // As many cells as there are names; an empty one becomes "-".
  void Add(Row row);
  bool empty() const { return rows_.size() == 1; }
  void Print() const;

 private:
  std::vector<Row> rows_;
};

// {"group": ..., "error": ..., "message": ...}
boost::json::object ErrorJson(std::string_view group, const absl::Status& status);
// The reason in text; `group` may be empty.
void RemarkError(std::string_view group, const absl::Status& status);
// Says why a command has come to nothing, in JSON as an object; returns the exit code.
int Fail(const GroupOptions& options, std::string_view group, const absl::Status& status);

// "orders-0"
std::string TextOf(const TopicPartition& at);
// The number in it; empty, or null in JSON, where there is none.
template <class Number>
std::string TextOf(const std::optional<Number>& number) {
  return number.has_value() ? fmt::format("{}", *number) : std::string();
}
inline std::string TextOf(const std::optional<Offset>& offset) {
  return offset.has_value() ? fmt::format("{}", offset->value()) : std::string();
}
boost::json::value ToJson(const std::optional<Offset>& offset);
boost::json::value ToJson(const std::optional<int64_t>& number);
// Null where it is empty.
boost::json::value ToJson(std::string_view text);

}  // namespace millrace::tools

// `millrace group reset-offsets`: asks where the group and the logs are, plans (reset_plan.h), and
// commits the plan if told to.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include <absl/time/clock.h>
#include <absl/time/time.h>

#include "proto/wire/list_offsets.h"
#include "tools/group_client.h"
#include "tools/group_commands.h"
#include "tools/group_output.h"
#include "tools/group_selection.h"
#include "tools/offsets_text.h"
#include "tools/reset_plan.h"
#include "tools/reset_time.h"

namespace millrace::tools {

namespace {

namespace json = boost::json;

struct Target {
  ResetTo to = ResetTo::kEarliest;
  int64_t number = 0;  // kTime: milliseconds since 1970
  OffsetMap wanted;    // kFile
};

// What was found and what is to be done.
struct Reset {
  bool is_new = false;  // the group comes into being with it
  ResetPlan plan;
  PartitionErrors errors;  // of what was committed
};

absl::StatusOr<OffsetMap> ReadOffsetsFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return WrongUsage(fmt::format("{}: {}", path, strerror(errno)));
  std::stringstream text;
  text << file.rdbuf();
  if (file.bad() || text.bad()) return WrongUsage(fmt::format("{}: cannot be read", path));
  auto offsets = ParseOffsetsCsv(text.str());
  if (offsets.ok()) return offsets;
  return WrongUsage(fmt::format("{}: {}", path, std::string(offsets.status().message())));
}

absl::StatusOr<Target> TargetByTime(const ResetOffsetsOptions& options) {
  if (!options.to_datetime.empty()) {
    auto time = ParseDateTime(options.to_datetime);
    if (!time.ok()) return time.status();
    return Target{.to = ResetTo::kTime, .number = time->value()};
  }
  auto duration = ParseDurationMs(options.by_duration);
  if (!duration.ok()) return duration.status();
  int64_t now_ms = absl::ToUnixMillis(absl::Now());
  if (*duration <= now_ms) return Target{.to = ResetTo::kTime, .number = now_ms - *duration};
  return WrongUsage(fmt::format("'{}' ago is before 1970", options.by_duration));
}

// How to read the one way that is given, before anything is asked.
absl::StatusOr<Target> TargetOf(const ResetOffsetsOptions& options) {
  if (options.to_earliest) return Target{.to = ResetTo::kEarliest};
  if (options.to_latest) return Target{.to = ResetTo::kLatest};
  if (options.to_current) return Target{.to = ResetTo::kCurrent};
  if (options.to_offset.has_value()) {
    return Target{.to = ResetTo::kOffset, .number = *options.to_offset};
  }
  if (options.shift_by.has_value()) {
    return Target{.to = ResetTo::kShift, .number = *options.shift_by};
  }
  if (options.from_file.empty()) return TargetByTime(options);
  auto wanted = ReadOffsetsFile(options.from_file);
  if (!wanted.ok()) return wanted.status();
  return Target{.to = ResetTo::kFile, .wanted = std::move(*wanted)};
}

absl::Status CheckOptions(const ResetOffsetsOptions& options) {
  bool is_scoped = options.all_topics || !options.topics.empty();
  if (!options.from_file.empty() && is_scoped) {
    return WrongUsage(
        "--from-file names the partitions itself: leave out --topic and --all-topics");
  }
  if (options.from_file.empty() && !is_scoped) {
    return WrongUsage("say which partitions: --topic or --all-topics");
  }
  return CheckSelections(options.topics);
}

// Whether the group exists; an error if it has members.
absl::StatusOr<bool> CheckGroup(GroupClient& client, const ResetOffsetsOptions& options) {
  auto facts = client.Describe(options.group);
  if (!facts.ok()) {
    bool may_begin = KafkaErrorOf(facts.status()) == ErrorCode::kGroupIdNotFound;
    if (may_begin && !options.all_topics) return false;
    return facts.status();
  }
  size_t members = facts->members.size();
  if (members == 0) return true;
  return KafkaError(ErrorCode::kNonEmptyGroup,
                    fmt::format("the group has {} member{} (state {}): stop its consumers first",
                                members, members == 1 ? "" : "s", facts->state));
}

absl::StatusOr<TopicPartitions> PartitionsToReset(GroupClient& client,
                                                  const ResetOffsetsOptions& options,
                                                  const Target& target,
                                                  const OffsetMap& committed) {
  if (!options.topics.empty()) return SelectPartitions(client, options.topics);
  // Of all topics only those that the group knows; of a topic all partitions.
  std::vector<std::string> topics;
  TopicPartitions named;
  const OffsetMap& source = options.all_topics ? committed : target.wanted;
  for (const auto& [at, offset] : source) {
    if (topics.empty() || topics.back() != at.topic) topics.push_back(at.topic);
    named.push_back(at);
  }
  if (topics.empty()) {
    return absl::FailedPreconditionError("the group has no committed offsets: give --topic");
  }
  if (options.all_topics) return SelectPartitions(client, topics);
  return named;
}

// All of them, or an error that names the first that is not known.
absl::StatusOr<FoundOffsets> MustFind(GroupClient& client, const TopicPartitions& partitions,
                                      int64_t timestamp) {
  auto found = client.Offsets(partitions, timestamp);
  if (!found.ok()) return found;
  for (const auto& [at, offset] : *found) {
    if (offset.error == ErrorCode::kNone) continue;
    std::string reason(KafkaError(offset.error).message());
    return KafkaError(offset.error, fmt::format("{}: {}", TextOf(at), reason));
  }
  return found;
}

absl::StatusOr<std::vector<ResetFacts>> FactsFor(GroupClient& client, const Target& target,
                                                 const TopicPartitions& partitions,
                                                 const OffsetMap& committed) {
  auto ends = MustFind(client, partitions, wire::kLatestTimestamp);
  if (!ends.ok()) return ends.status();
  auto starts = MustFind(client, partitions, wire::kEarliestTimestamp);
  if (!starts.ok()) return starts.status();
  FoundOffsets at_time;
  if (target.to == ResetTo::kTime) {
    auto found = MustFind(client, partitions, target.number);
    if (!found.ok()) return found.status();
    at_time = std::move(*found);
  }
  std::vector<ResetFacts> facts;
  for (const TopicPartition& at : partitions) {
    ResetFacts one{.at = at,
                   .log_start = (*starts)[at].offset.value_or(Offset(0)),
                   .log_end = (*ends)[at].offset.value_or(Offset(0)),
                   .at_time = at_time[at].offset};
    if (auto found = committed.find(at); found != committed.end()) one.committed = found->second;
    if (auto found = target.wanted.find(at); found != target.wanted.end()) {
      one.wanted = found->second;
    }
    facts.push_back(std::move(one));
  }
  return facts;
}

absl::StatusOr<Reset> Plan(GroupClient& client, const ResetOffsetsOptions& options,
                           const Target& target) {
  auto exists = CheckGroup(client, options);
  if (!exists.ok()) return exists.status();
  Reset reset{.is_new = !*exists};
  auto committed = client.Committed(options.group);
  if (!committed.ok()) return committed.status();
  auto partitions = PartitionsToReset(client, options, target, *committed);
  if (!partitions.ok()) return partitions.status();
  auto facts = FactsFor(client, target, *partitions, *committed);
  if (!facts.ok()) return facts.status();
  reset.plan = PlanReset(target.to, target.number, *facts);
  if (reset.plan.unmovable.empty()) return reset;
  std::string names;
  for (const TopicPartition& at : reset.plan.unmovable) {
    names += names.empty() ? TextOf(at) : ", " + TextOf(at);
  }
  return absl::FailedPreconditionError(
      fmt::format("--shift-by: the group has no committed offset in {}", names));
}

absl::Status Execute(GroupClient& client, const ResetOffsetsOptions& options, Reset& reset) {
  OffsetMap offsets;
  for (const ResetRow& row : reset.plan.rows) offsets[row.at] = row.offset;
  auto errors = client.Commit(options.group, offsets);
  if (!errors.ok()) return errors.status();
  for (const ResetRow& row : reset.plan.rows) {
    auto answered = errors->find(row.at);
    reset.errors[row.at] =
        answered == errors->end() ? ErrorCode::kUnknownServerError : answered->second;
  }
  return absl::OkStatus();
}

ErrorCode ErrorOf(const Reset& reset, const TopicPartition& at) {
  auto found = reset.errors.find(at);
  return found == reset.errors.end() ? ErrorCode::kNone : found->second;
}

void PrintJson(const ResetOffsetsOptions& options, const Reset& reset) {
  json::array array;
  for (const ResetRow& row : reset.plan.rows) {
    json::object object{{"topic", row.at.topic},
                        {"partition", row.at.partition.value()},
                        {"committedOffset", ToJson(row.committed)},
                        {"newOffset", row.offset.value()},
                        {"outsideOffset", ToJson(row.outside)}};
    ErrorCode error = ErrorOf(reset, row.at);
    if (error != ErrorCode::kNone) {
      absl::Status status = KafkaError(error);
      object["error"] = ErrorNameOf(status);
      object["message"] = std::string(status.message());
    }
    array.push_back(std::move(object));
  }
  Print(json::value(json::object{{"group", options.group},
                                 {"executed", options.execute},
                                 {"newGroup", reset.is_new},
                                 {"partitions", std::move(array)}}));
}

void PrintText(const ResetOffsetsOptions& options, const Reset& reset) {
  Table table({"GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "NEW-OFFSET"});
  for (const ResetRow& row : reset.plan.rows) {
    if (row.outside.has_value()) {
      Remark(fmt::format("{}: offset {} is outside of the log, {} is the nearest in it",
                         TextOf(row.at), *row.outside, row.offset.value()));
    }
    absl::Status status;
    if (ErrorCode error = ErrorOf(reset, row.at); error != ErrorCode::kNone) {
      status = KafkaError(error);
      Remark(fmt::format("group '{}': {}: {}: {}", options.group, TextOf(row.at),
                         ErrorNameOf(status), std::string(status.message())));
    } else if (options.export_csv) {
      Print(OffsetsCsvLine(row.at, row.offset));
    } else {
      table.Add({options.group, row.at.topic, fmt::format("{}", row.at.partition.value()),
                 TextOf(row.committed), fmt::format("{}", row.offset.value())});
    }
  }
  if (!table.empty()) table.Print();
  if (options.execute) return;
  Remark(reset.is_new ? "nothing was changed: --execute makes the group and commits this"
                      : "nothing was changed: --execute commits this");
}

}  // namespace

int ResetOffsets(const ResetOffsetsOptions& options) {
  absl::Status status = CheckOptions(options);
  if (!status.ok()) return Fail(options, options.group, status);
  auto target = TargetOf(options);
  if (!target.ok()) return Fail(options, options.group, target.status());
  auto client = GroupClient::Connect(options.bootstrap_server);
  if (!client.ok()) return Fail(options, options.group, client.status());
  auto reset = Plan(*client, options, *target);
  if (!reset.ok()) return Fail(options, options.group, reset.status());
  if (options.execute) {
    status = Execute(*client, options, *reset);
    if (!status.ok()) return Fail(options, options.group, status);
  }
  if (options.json) {
    PrintJson(options, *reset);
  } else {
    PrintText(options, *reset);
  }
  for (const auto& [at, error] : reset->errors) {
    if (error != ErrorCode::kNone) return 1;
  }
  return 0;
}

}  // namespace millrace::tools

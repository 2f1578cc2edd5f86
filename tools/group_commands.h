// `millrace group`. Each command returns the process's exit code: 0 done, 1 refused or failed, also
// if only for one of several groups or partitions (the reason is on stderr, or in the JSON), 2
// wrong usage. The JSON is described in docs/groups.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::tools {

struct GroupOptions {
  std::string bootstrap_server = "127.0.0.1:9092";
  bool json = false;
};

struct ListGroupsOptions : GroupOptions {
  std::vector<std::string> states;  // empty: all
};
int ListGroups(const ListGroupsOptions& options);

struct DescribeGroupsOptions : GroupOptions {
  // Exactly one of the two.
  std::vector<std::string> groups;
  bool all = false;
  // At most one of the two; neither: offsets and lag.
  bool members = false;
  bool state = false;
};
int DescribeGroups(const DescribeGroupsOptions& options);

struct ResetOffsetsOptions : GroupOptions {
  std::string group;
  // Exactly one of the two, none with `from_file`.
  std::vector<std::string> topics;  // T or T:p,p
  bool all_topics = false;
  // Exactly one of these.
  bool to_earliest = false;
  bool to_latest = false;
  bool to_current = false;
  std::optional<int64_t> to_offset;
  std::optional<int64_t> shift_by;
  std::string to_datetime;
  std::string by_duration;
  std::string from_file;

  bool execute = false;     // else nothing is changed
  bool dry_run = false;     // says what is so without `execute`, never together with it
  bool export_csv = false;  // prints what --from-file reads, not together with `json`
};
int ResetOffsets(const ResetOffsetsOptions& options);

struct DeleteGroupsOptions : GroupOptions {
  std::vector<std::string> groups;
};
int DeleteGroups(const DeleteGroupsOptions& options);

struct DeleteOffsetsOptions : GroupOptions {
  std::string group;
  std::vector<std::string> topics;  // T or T:p,p
};
int DeleteOffsets(const DeleteOffsetsOptions& options);

}  // namespace millrace::tools

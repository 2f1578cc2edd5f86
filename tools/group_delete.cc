// `millrace group delete` and `millrace group delete-offsets`.
#include <utility>

#include "tools/group_client.h"
#include "tools/group_commands.h"
#include "tools/group_output.h"
#include "tools/group_selection.h"

namespace millrace::tools {

namespace {

namespace json = boost::json;

absl::StatusOr<PartitionErrors> DeleteSelected(const DeleteOffsetsOptions& options) {
  absl::Status checked = CheckSelections(options.topics);
  if (!checked.ok()) return checked;
  auto client = GroupClient::Connect(options.bootstrap_server);
  if (!client.ok()) return client.status();
  auto partitions = SelectPartitions(*client, options.topics);
  if (!partitions.ok()) return partitions.status();
  auto errors = client->DeleteOffsets(options.group, *partitions);
  if (!errors.ok()) return errors.status();
  for (const TopicPartition& at : *partitions) {
    errors->try_emplace(at, ErrorCode::kUnknownServerError);  // the broker has not answered it
  }
  return errors;
}

}  // namespace

int DeleteGroups(const DeleteGroupsOptions& options) {
  auto client = GroupClient::Connect(options.bootstrap_server);
  if (!client.ok()) return Fail(options, "", client.status());
  int code = 0;
  json::array array;
  for (const std::string& group : options.groups) {
    absl::Status status = client->Delete(group);
    if (!status.ok()) code = 1;
    if (options.json) {
      array.push_back(status.ok() ? json::object{{"group", group}, {"deleted", true}}
                                  : ErrorJson(group, status));
    } else if (status.ok()) {
      Print(fmt::format("deleted {}", group));
    } else {
      RemarkError(group, status);
    }
  }
  if (options.json) Print(json::value(std::move(array)));
  return code;
}

int DeleteOffsets(const DeleteOffsetsOptions& options) {
  auto errors = DeleteSelected(options);
  if (!errors.ok()) return Fail(options, options.group, errors.status());
  int code = 0;
  json::array array;
  for (const auto& [at, error] : *errors) {
    json::object object{{"topic", at.topic}, {"partition", at.partition.value()}};
    if (error == ErrorCode::kNone) {
      object["deleted"] = true;
      if (!options.json) Print(fmt::format("deleted the offset of {}", TextOf(at)));
    } else {
      code = 1;
      absl::Status status = KafkaError(error);
      object["error"] = ErrorNameOf(status);
      object["message"] = std::string(status.message());
      if (!options.json) {
        Remark(fmt::format("group '{}': {}: {}: {}", options.group, TextOf(at), ErrorNameOf(status),
                           std::string(status.message())));
      }
    }
    array.push_back(std::move(object));
  }
  if (options.json) {
    Print(json::value(json::object{{"group", options.group}, {"partitions", std::move(array)}}));
  }
  return code;
}

}  // namespace millrace::tools

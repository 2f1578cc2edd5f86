#include "tools/group_selection.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "tools/kafka_status.h"
#include "tools/offsets_text.h"

namespace millrace::tools {

namespace {

absl::Status AddSelected(GroupClient& client, const std::string& text,
                         std::set<TopicPartition>& selected) {
  auto selection = ParseTopicSelection(text);
  if (!selection.ok()) return selection.status();
  auto all = client.PartitionsOfTopic(selection->topic);
  if (!all.ok()) {
    std::optional<ErrorCode> error = KafkaErrorOf(all.status());
    if (!error.has_value()) return all.status();
    std::string reason = *error == ErrorCode::kUnknownTopicOrPartition
                             ? "there is no such topic"
                             : std::string(all.status().message());
    return KafkaError(*error, fmt::format("topic '{}': {}", selection->topic, reason));
  }
  if (selection->partitions.empty()) {
    selected.insert(all->begin(), all->end());
    return absl::OkStatus();
  }
  for (PartitionIndex partition : selection->partitions) {
    TopicPartition at{selection->topic, partition};
    if (std::find(all->begin(), all->end(), at) == all->end()) {
      return KafkaError(ErrorCode::kUnknownTopicOrPartition,
                        fmt::format("topic '{}' has {} partitions, there is no partition {}",
                                    at.topic, all->size(), partition.value()));
    }
    selected.insert(at);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSelections(const std::vector<std::string>& topics) {
  for (const std::string& text : topics) {
    auto selection = ParseTopicSelection(text);
    if (!selection.ok()) return selection.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<TopicPartitions> SelectPartitions(GroupClient& client,
                                                 const std::vector<std::string>& topics) {
  std::set<TopicPartition> selected;
  for (const std::string& text : topics) {
    absl::Status status = AddSelected(client, text, selected);
    if (!status.ok()) return status;
  }
  return TopicPartitions(selected.begin(), selected.end());
}

}  // namespace millrace::tools

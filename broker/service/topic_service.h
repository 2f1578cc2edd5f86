// Topics: creates, changes, grows and deletes them through the metadata store, follows its changes,
// opens and closes their partitions on this broker, and publishes the cluster image.
//
// Threading: Create, Grow, Delete and AlterConfigs may be called on any shard; the rest lives on
// the store's. A topic becomes visible in the image after its partitions are open, so a handler
// that finds a topic but not its partition has met a failed log. Lifetime: everything in
// Environment outlives the service; Stop before destroying it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/core/cluster_image.h"
#include "broker/core/config_change.h"
#include "broker/core/properties.h"
#include "broker/metadata/store.h"
#include "broker/runtime/task_group.h"
#include "broker/service/cluster_view.h"
#include "broker/service/log_directories.h"
#include "broker/service/partition_host.h"

namespace millrace::service {

struct NewTopic {
  std::string name;
  std::optional<int32_t> partitions;          // none: the broker's default
  std::optional<int16_t> replication_factor;  // none: the broker's default
  // By partition; only this broker can be named. Excludes the two above.
  std::vector<std::vector<BrokerId>> assignments;
  core::PropertyValues configs;
  bool validate_only = false;
};

struct ConfigAlteration {
  std::vector<core::ConfigChange> changes;
  bool replace = false;  // what no change names goes back to its default
  bool validate_only = false;
};

// More partitions for a topic.
struct TopicGrowth {
  std::string name;
  int32_t partitions = 0;  // in all
  // Of the new partitions; none: the broker's choice.
  std::optional<std::vector<std::vector<BrokerId>>> assignments;
  bool validate_only = false;
};

struct TopicOutcome {
  ErrorCode error = ErrorCode::kNone;
  std::string message;
  core::ClusterImage::TopicPtr topic;  // as created or deleted
};

class TopicService {
 public:
  struct Environment {
    Shard& shard;
    metadata::MetadataStore& store;
    ClusterView& view;
    PartitionHost& host;
    LogDirectories& directories;
    const core::Properties& properties;  // as at the start
    BrokerId self;
  };

  explicit TopicService(Environment environment);

  // Loads the topics, opens their partitions, publishes the first image with topics.
  awaitable<absl::Status> Start();
  awaitable<void> Stop();

  awaitable<TopicOutcome> Create(NewTopic topic) {
    return environment_.shard.Run(CreateHere(std::move(topic)));
  }
  awaitable<TopicOutcome> Grow(TopicGrowth growth) {
    return environment_.shard.Run(GrowHere(std::move(growth)));
  }
  // Only if it is still the topic with this id.
  awaitable<TopicOutcome> Delete(std::string name, TopicId id) {
    return environment_.shard.Run(DeleteHere(std::move(name), id));
  }
  // Answers when the partitions on this broker have taken the change.
  awaitable<TopicOutcome> AlterConfigs(std::string name, ConfigAlteration alteration) {
    return environment_.shard.Run(AlterConfigsHere(std::move(name), std::move(alteration)));
  }

  // There is room on the disk again: partitions that had none for their files are opened.
  void OnRoom();

  // Until this broker has applied the change that was committed with this revision, or has stopped.
  awaitable<void> Applied(metadata::Revision revision);

 private:
  awaitable<TopicOutcome> CreateHere(NewTopic topic);
  awaitable<TopicOutcome> GrowHere(TopicGrowth growth);
  awaitable<TopicOutcome> DeleteHere(std::string name, TopicId id);
  std::optional<TopicOutcome> RefusedGrowth(const TopicGrowth& growth) const;
  std::optional<TopicOutcome> RefusedReplicas(
      const std::vector<std::vector<BrokerId>>& assignments) const;
  core::PartitionImage NewPartition() const;
  // The condition that the topic is still as it is in the store, and in the image.
  awaitable<std::vector<metadata::Condition>> Unchanged(std::string name);
  awaitable<TopicOutcome> AlterConfigsHere(std::string name, ConfigAlteration alteration);
  std::optional<TopicOutcome> Refusal(const NewTopic& topic) const;
  std::optional<TopicOutcome> RefusedNumbers(const NewTopic& topic) const;
  std::shared_ptr<core::TopicImage> Plan(const NewTopic& topic) const;
  awaitable<TopicOutcome> Commit(metadata::Transaction transaction,
                                 core::ClusterImage::TopicPtr topic, ErrorCode if_refused);
  // The same for a topic whose partitions from `kept` on are new: they are placed before.
  awaitable<TopicOutcome> CommitPlaced(metadata::Transaction transaction,
                                       std::shared_ptr<core::TopicImage> topic, size_t kept,
                                       ErrorCode if_refused);
  // Records where the partitions of the moved topics lie.
  awaitable<void> RecordMoved();
  awaitable<void> RecordDirectories(std::string name);
  awaitable<void> OpenTopics(std::vector<metadata::Entry> entries, core::ClusterImage& image);
  // Follows the store's changes, one after the other.
  awaitable<void> ApplyLoop();
  std::deque<metadata::Change> TakeChanges();
  awaitable<void> Apply(std::deque<metadata::Change> changes);
  awaitable<bool> ApplyOne(metadata::Mutation mutation, core::ClusterImage& image,
                           std::vector<core::ClusterImage::TopicPtr>& deleted);
  awaitable<void> OpenAgain();
  awaitable<void> ApplyTopic(core::ClusterImage& image, std::string name,
                             std::optional<std::string> value);
  // The topics take what the broker's properties have become.
  awaitable<void> ApplyDefaults(core::ClusterImage& image);

  Environment environment_;
  std::deque<metadata::Change> changes_;
  metadata::Revision applied_{0};
  // Names by what WithoutDots() makes of them.
  absl::flat_hash_map<std::string, std::string> plain_names_;
  std::set<std::string> creating_;  // likewise, under way to the store
  std::set<std::string> moved_;     // topics whose partitions lie elsewhere than was recorded
  bool open_again_ = false;
  bool stopping_ = false;
  bool stopped_ = false;
  Signal arrived_;  // changes_ grew, or open_again_, or stopping_
  Signal applied_signal_;
  TaskGroup tasks_;
};

}  // namespace millrace::service

#include "broker/service/topic_service.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/runtime/random.h"
#include "broker/service/broker_config_service.h"
#include "broker/service/internal_topics.h"
#include "broker/service/topic_settings.h"
#include "broker/service/topic_value.h"
#include "proto/invariant.h"
#include "proto/topic_id_text.h"
#include "proto/topic_name.h"
#include "storage/metadata_names.h"

namespace millrace::service {

namespace {

// Kafka's own name, which its tools keep for it.
constexpr std::string_view kClusterMetadataName = "__cluster_metadata";
// More in one topic is a slip of the hand, and would take the broker minutes.
constexpr int32_t kPartitionsMax = 100'000;
// At the start, so many topics are opened at the same time; how it goes is told now and then.
constexpr size_t kOpenedTogether = 64;
constexpr int64_t kProgressMs = 5000;
constexpr size_t kShownMax = 250;  // of what a client calls a topic's name

// The same for all names that collide with each other.
std::string WithoutDots(std::string name) {
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

std::vector<core::ConfigChange> SetAll(const core::PropertyValues& values) {
  std::vector<core::ConfigChange> changes;
  for (const auto& [name, value] : values) {
    changes.push_back({name, core::ConfigOperation::kSet, value});
  }
  return changes;
}

void WarnWithoutEffect(const std::string& topic, const core::ConfigPlan& plan) {
  for (const std::string& name : plan.without_effect) {
    spdlog::warn("topic {}: {} has no effect in this broker", topic, name);
  }
}

TopicOutcome Refused(ErrorCode error, std::string message) {
  return {error, std::move(message), nullptr};
}

}  // namespace

TopicService::TopicService(Environment environment)
    : environment_(environment),
      arrived_(environment.shard),
      applied_signal_(environment.shard),
      tasks_(environment.shard) {}

awaitable<absl::Status> TopicService::Start() {
  absl::StatusOr<metadata::Listing> listing = co_await environment_.store.List("");
  if (!listing.ok()) co_return listing.status();
  auto image = std::make_shared<core::ClusterImage>(environment_.view.current());
  for (const metadata::Entry& entry : listing->entries) {
    ApplyBrokerConfigs(entry.key, entry.value, environment_.self, *image);
    ApplyGroupConfigs(entry.key, entry.value, *image);
  }
  co_await OpenTopics(std::move(listing->entries), *image);
  environment_.directories.TakeStock(*image);
  co_await environment_.view.Publish(image);
  applied_ = listing->revision;
  environment_.store.Watch(listing->revision, [this](const metadata::Change& change) {
    changes_.push_back(change);
    arrived_.Notify();
  });
  tasks_.Spawn(ApplyLoop());
  co_await RecordMoved();
  co_return absl::OkStatus();
}

// Many at once: after a crash each waits for the disk.
awaitable<void> TopicService::OpenTopics(std::vector<metadata::Entry> entries,
                                         core::ClusterImage& image) {
  std::erase_if(entries, [](const auto& entry) { return !entry.key.starts_with(kTopicPrefix); });
  MonotonicMs told = SteadyNow();
  TaskGroup opening(environment_.shard);
  for (size_t i = 0; i < entries.size(); ++i) {
    std::string name = entries[i].key.substr(kTopicPrefix.size());
    opening.Spawn(ApplyTopic(image, std::move(name), std::move(entries[i].value)));
    if (i % kOpenedTogether + 1 != kOpenedTogether) continue;
    co_await opening.Join();
    if (SteadyNow() - told < kProgressMs) continue;
    told = SteadyNow();
    spdlog::info("opening logs: {} of {} topics", i + 1, entries.size());
  }
  co_await opening.Join();
}

awaitable<void> TopicService::Stop() {
  stopping_ = true;
  arrived_.Notify();
  co_await tasks_.Join();
  // Nothing is applied any more: who waits for that goes on.
  stopped_ = true;
  applied_signal_.Notify();
}

awaitable<void> TopicService::ApplyLoop() {
  for (;;) {
    while (changes_.empty() && !stopping_ && !open_again_) co_await arrived_.Wait();
    if (std::exchange(open_again_, false) && !stopping_) co_await OpenAgain();
    if (changes_.empty() && !stopping_) continue;
    if (changes_.empty()) co_return;
    std::deque<metadata::Change> changes = TakeChanges();
    metadata::Revision revision = changes.back().revision;
    co_await Apply(std::move(changes));
    applied_ = revision;
    applied_signal_.Notify();
  }
}

// Many at once, as every image is made from a copy of the one before it. But what comes after a
// deletion waits until that is done: it may have the same name.
std::deque<metadata::Change> TopicService::TakeChanges() {
  std::deque<metadata::Change> taken;
  bool is_deleting = false;
  while (!changes_.empty()) {
    const std::vector<metadata::Mutation>& mutations = changes_.front().mutations;
    bool deletes = std::any_of(mutations.begin(), mutations.end(),
                               [](const auto& mutation) { return !mutation.value.has_value(); });
    if (is_deleting && !deletes) break;
    is_deleting = deletes;
    taken.push_back(std::move(changes_.front()));
    changes_.pop_front();
  }
  return taken;
}

awaitable<void> TopicService::Apply(std::deque<metadata::Change> changes) {
  auto image = std::make_shared<core::ClusterImage>(environment_.view.current());
  std::vector<core::ClusterImage::TopicPtr> deleted;
  bool changed = false;
  for (metadata::Change& change : changes) {
    for (metadata::Mutation& mutation : change.mutations) {
      bool applied = co_await ApplyOne(std::move(mutation), *image, deleted);
      changed = changed || applied;
    }
  }
  if (changed) co_await environment_.view.Publish(image);
  co_await environment_.host.Delete(std::move(deleted));
}

// False: nothing of a topic or a broker.
awaitable<bool> TopicService::ApplyOne(metadata::Mutation mutation, core::ClusterImage& image,
                                       std::vector<core::ClusterImage::TopicPtr>& deleted) {
  bool is_config = ApplyBrokerConfigs(mutation.key, mutation.value, environment_.self, image);
  if (is_config) co_await ApplyDefaults(image);
  if (ApplyGroupConfigs(mutation.key, mutation.value, image)) co_return true;
  if (!mutation.key.starts_with(kTopicPrefix)) co_return is_config;
  std::string name = mutation.key.substr(kTopicPrefix.size());
  if (!mutation.value.has_value()) {
    auto found = image.topics().find(name);
    if (found != image.topics().end()) {
      environment_.directories.Release(found->second->partitions);
      deleted.push_back(found->second);
    }
  }
  co_await ApplyTopic(image, std::move(name), std::move(mutation.value));
  co_return true;
}

awaitable<void> TopicService::ApplyTopic(core::ClusterImage& image, std::string name,
                                         std::optional<std::string> value) {
  if (!value.has_value()) {
    image.RemoveTopic(name);
    plain_names_.erase(WithoutDots(std::move(name)));
    co_return;
  }
  std::shared_ptr<core::TopicImage> topic = DecodeTopic(name, *value);
  if (topic == nullptr) {
    spdlog::error("the metadata of topic {} does not parse: it is left out", name);
    co_return;
  }
  if (environment_.directories.Settle(*topic)) moved_.insert(name);
  // What does not open is reported there; its partitions answer KAFKA_STORAGE_ERROR.
  TopicSettings settings = MakeTopicSettings(image.configs->effective(), topic->configs);
  topic->min_insync_replicas = settings.min_insync_replicas;
  absl::Status opened = co_await environment_.host.Open(topic, std::move(settings));
  if (!opened.ok()) spdlog::error("topic {} is not wholly online: {}", name, opened.ToString());
  image.PutTopic(std::move(topic));
  plain_names_.insert_or_assign(WithoutDots(name), name);
}

void TopicService::OnRoom() {
  if (!environment_.host.TakeUnopened()) return;
  open_again_ = true;
  arrived_.Notify();
}

awaitable<void> TopicService::OpenAgain() {
  const core::ImagePtr image = environment_.view.ptr();
  for (const auto& [name, topic] : image->topics()) {
    TopicSettings settings = MakeTopicSettings(image->configs->effective(), topic->configs);
    absl::Status opened = co_await environment_.host.Open(topic, std::move(settings));
    if (!opened.ok()) spdlog::error("topic {} is not wholly online: {}", name, opened.ToString());
  }
}

awaitable<void> TopicService::ApplyDefaults(core::ClusterImage& image) {
  std::vector<core::ClusterImage::TopicPtr> topics;
  for (const auto& [name, topic] : image.topics()) topics.push_back(topic);
  for (core::ClusterImage::TopicPtr& topic : topics) {
    TopicSettings settings = MakeTopicSettings(image.configs->effective(), topic->configs);
    if (settings.min_insync_replicas != topic->min_insync_replicas) {
      auto changed = std::make_shared<core::TopicImage>(*topic);
      changed->min_insync_replicas = settings.min_insync_replicas;
      image.PutTopic(std::move(changed));
    }
    co_await environment_.host.Configure(std::move(topic), std::move(settings));
  }
}

std::optional<TopicOutcome> TopicService::Refusal(const NewTopic& topic) const {
  std::optional<std::string> bad_name = InvalidTopicName(topic.name);
  if (bad_name.has_value()) return Refused(ErrorCode::kInvalidTopicException, *bad_name);
  if (topic.name == storage::kMetadataTopic) {
    return Refused(ErrorCode::kInvalidTopicException,
                   fmt::format("'{}' is the broker's own name", storage::kMetadataTopic));
  }
  if (environment_.view.current().FindTopic(topic.name) != nullptr) {
    return Refused(ErrorCode::kTopicAlreadyExists,
                   fmt::format("Topic '{}' already exists.", topic.name));
  }
  if (topic.name == kClusterMetadataName) {
    return Refused(ErrorCode::kInvalidRequest,
                   fmt::format("Creation of internal topic {} is prohibited.", topic.name));
  }
  // Names of metrics have no dots; and Kafka's tools take a name for a pattern.
  if (auto other = plain_names_.find(WithoutDots(topic.name)); other != plain_names_.end()) {
    return Refused(
        ErrorCode::kInvalidTopicException,
        fmt::format("Topic '{}' collides with existing topic: {}", topic.name, other->second));
  }
  return RefusedNumbers(topic);
}

std::optional<TopicOutcome> TopicService::RefusedReplicas(
    const std::vector<std::vector<BrokerId>>& assignments) const {
  for (const std::vector<BrokerId>& replicas : assignments) {
    if (replicas.size() == 1 && replicas[0] == environment_.self) continue;
    return Refused(ErrorCode::kInvalidReplicaAssignment,
                   fmt::format("the only broker is {}", environment_.self.value()));
  }
  return std::nullopt;
}

std::optional<TopicOutcome> TopicService::RefusedNumbers(const NewTopic& topic) const {
  if (auto refusal = RefusedReplicas(topic.assignments)) return refusal;
  int32_t partitions = topic.partitions.value_or(1);
  if (partitions < 1 || partitions > kPartitionsMax) {
    return Refused(
        ErrorCode::kInvalidPartitions,
        fmt::format("a topic has 1 to {} partitions, not {}", kPartitionsMax, partitions));
  }
  int64_t replication = topic.replication_factor.value_or(
      static_cast<int16_t>(environment_.properties.Integer("default.replication.factor")));
  if (topic.assignments.empty() && replication != 1) {
    return Refused(ErrorCode::kInvalidReplicationFactor,
                   fmt::format("replication factor {} is impossible with 1 broker", replication));
  }
  return std::nullopt;
}

std::shared_ptr<core::TopicImage> TopicService::Plan(const NewTopic& topic) const {
  auto planned = std::make_shared<core::TopicImage>();
  planned->name = topic.name;
  planned->id = RandomTopicId(FreshRandomBytes());
  planned->is_internal = IsInternalTopic(topic.name);
  planned->configs = topic.configs;
  auto count = static_cast<int64_t>(topic.assignments.size());
  if (count == 0 && topic.partitions.has_value()) count = *topic.partitions;
  if (count == 0) count = environment_.properties.Integer("num.partitions");
  planned->partitions.assign(static_cast<size_t>(count), NewPartition());
  return planned;
}

core::PartitionImage TopicService::NewPartition() const {
  return {.leader = environment_.self,
          .leader_epoch = LeaderEpoch(0),
          .replicas = {environment_.self},
          .isr = {environment_.self}};
}

std::optional<TopicOutcome> TopicService::RefusedGrowth(const TopicGrowth& growth) const {
  const core::TopicImage* topic = environment_.view.current().FindTopic(growth.name);
  if (topic == nullptr) {
    return Refused(ErrorCode::kUnknownTopicOrPartition,
                   fmt::format("there is no topic '{}'", growth.name.substr(0, kShownMax)));
  }
  if (topic->is_internal) {
    return Refused(ErrorCode::kInvalidTopicException,
                   "a group's partition follows from the number of partitions of this topic, which "
                   "therefore stays");
  }
  auto now = static_cast<int32_t>(topic->partitions.size());
  if (growth.partitions <= now) {
    return Refused(
        ErrorCode::kInvalidPartitions,
        fmt::format("topic '{}' has {} partition(s) already; {} would not be an increase",
                    growth.name, now, growth.partitions));
  }
  if (growth.partitions > kPartitionsMax) {
    return Refused(ErrorCode::kInvalidPartitions,
                   fmt::format("a topic has {} partitions at most, not {}", kPartitionsMax,
                               growth.partitions));
  }
  if (!growth.assignments.has_value()) return std::nullopt;
  if (growth.assignments->size() != static_cast<size_t>(growth.partitions - now)) {
    return Refused(ErrorCode::kInvalidReplicaAssignment,
                   fmt::format("{} new partitions need as many assignments, not {}",
                               growth.partitions - now, growth.assignments->size()));
  }
  return RefusedReplicas(*growth.assignments);
}

awaitable<TopicOutcome> TopicService::GrowHere(TopicGrowth growth) {
  metadata::Transaction transaction;
  transaction.conditions = co_await Unchanged(growth.name);
  std::optional<TopicOutcome> refusal = RefusedGrowth(growth);
  if (refusal.has_value()) co_return *std::move(refusal);
  auto grown =
      std::make_shared<core::TopicImage>(*environment_.view.current().FindTopic(growth.name));
  grown->partitions.resize(static_cast<size_t>(growth.partitions), NewPartition());
  if (growth.validate_only) co_return TopicOutcome{ErrorCode::kNone, "", grown};
  size_t kept = environment_.view.current().FindTopic(growth.name)->partitions.size();
  co_return co_await CommitPlaced(std::move(transaction), grown, kept,
                                  ErrorCode::kInvalidPartitions);
}

awaitable<std::vector<metadata::Condition>> TopicService::Unchanged(std::string name) {
  std::vector<metadata::Condition> conditions;
  absl::StatusOr<metadata::Listing> listing = co_await environment_.store.List(TopicKey(name));
  if (!listing.ok()) co_return conditions;
  // What follows is decided on the image, which must not be older than the condition.
  co_await Applied(listing->revision);
  for (const metadata::Entry& entry : listing->entries) {
    if (entry.key == TopicKey(name)) conditions.push_back({entry.key, entry.modified});
  }
  co_return conditions;
}

awaitable<TopicOutcome> TopicService::CreateHere(NewTopic topic) {
  AddInternalDefaults(environment_.properties, topic);
  std::optional<TopicOutcome> refusal = Refusal(topic);
  if (refusal.has_value()) co_return *std::move(refusal);
  core::ConfigPlan plan = core::PlanTopicConfigs({}, SetAll(topic.configs));
  if (plan.error != ErrorCode::kNone) co_return Refused(plan.error, std::move(plan.message));
  WarnWithoutEffect(topic.name, plan);
  topic.configs = std::move(plan.values);
  std::shared_ptr<core::TopicImage> planned = Plan(topic);
  if (topic.validate_only) {
    planned->id = TopicId{};
    co_return TopicOutcome{ErrorCode::kNone, "", planned};
  }
  metadata::Transaction transaction;
  transaction.conditions.push_back({.key = TopicKey(topic.name)});
  std::string plain = WithoutDots(topic.name);
  if (!creating_.insert(plain).second) {
    co_return Refused(ErrorCode::kTopicAlreadyExists,
                      fmt::format("Topic '{}', or one that differs from it in dots and underscores "
                                  "only, is being created.",
                                  topic.name));
  }
  TopicOutcome outcome =
      co_await CommitPlaced(std::move(transaction), planned, 0, ErrorCode::kTopicAlreadyExists);
  creating_.erase(plain);
  co_return outcome;
}

awaitable<TopicOutcome> TopicService::DeleteHere(std::string name, TopicId id) {
  if (!environment_.properties.Bool("delete.topic.enable")) {
    co_return Refused(ErrorCode::kTopicDeletionDisabled, "delete.topic.enable is false");
  }
  auto found = environment_.view.current().topics().find(name);
  if (found == environment_.view.current().topics().end()) {
    co_return Refused(ErrorCode::kUnknownTopicOrPartition,
                      fmt::format("there is no topic '{}'", name));
  }
  core::ClusterImage::TopicPtr topic = found->second;
  if (topic->is_internal) {
    co_return Refused(ErrorCode::kInvalidTopicException,
                      "the committed offsets of all groups are in this topic");
  }
  metadata::Transaction transaction;
  transaction.conditions = co_await Unchanged(name);
  // Since it was asked for, somebody else may have deleted it, and created another of that name.
  const core::TopicImage* now = environment_.view.current().FindTopic(name);
  if (transaction.conditions.empty() || now == nullptr || now->id != id) {
    co_return Refused(ErrorCode::kUnknownTopicOrPartition, "somebody else was faster");
  }
  transaction.mutations.push_back({.key = TopicKey(name)});
  co_return co_await Commit(std::move(transaction), topic, ErrorCode::kUnknownTopicOrPartition);
}

// Tried again when somebody else changed the topic in between.
awaitable<TopicOutcome> TopicService::AlterConfigsHere(std::string name,
                                                       ConfigAlteration alteration) {
  for (;;) {
    absl::StatusOr<metadata::Listing> listing = co_await environment_.store.List(TopicKey(name));
    if (!listing.ok()) {
      co_return Refused(ErrorCode::kKafkaStorageError, std::string(listing.status().message()));
    }
    std::optional<StoredTopic> stored = FindStored(*listing, name);
    if (!stored.has_value()) {
      co_return Refused(ErrorCode::kUnknownTopicOrPartition,
                        fmt::format("there is no topic '{}'", name));
    }
    const std::shared_ptr<core::TopicImage>& topic = stored->topic;
    core::ConfigPlan plan = core::PlanTopicConfigs(
        alteration.replace ? core::PropertyValues() : topic->configs, alteration.changes);
    if (plan.error != ErrorCode::kNone) co_return Refused(plan.error, std::move(plan.message));
    bool is_changed = plan.values != topic->configs;
    topic->configs = plan.values;
    if (alteration.validate_only || !is_changed) {
      co_return TopicOutcome{ErrorCode::kNone, "", topic};
    }
    WarnWithoutEffect(name, plan);
    TopicOutcome outcome =
        co_await Commit(ReplaceStored(*stored), topic, ErrorCode::kInvalidUpdateVersion);
    if (outcome.error != ErrorCode::kInvalidUpdateVersion) co_return outcome;
  }
}

awaitable<void> TopicService::Applied(metadata::Revision revision) {
  while (applied_ < revision && !stopped_) co_await applied_signal_.Wait();
}

// Answers when this broker has applied the change, so that the next request sees it.
awaitable<TopicOutcome> TopicService::Commit(metadata::Transaction transaction,
                                             core::ClusterImage::TopicPtr topic,
                                             ErrorCode if_refused) {
  if (stopping_) co_return Refused(ErrorCode::kNotController, "the broker is stopping");
  absl::StatusOr<metadata::CommitOutcome> outcome =
      co_await environment_.store.Commit(std::move(transaction));
  if (!outcome.ok()) {
    spdlog::error("topic {}: {}", topic->name, outcome.status().ToString());
    co_return Refused(ErrorCode::kKafkaStorageError, std::string(outcome.status().message()));
  }
  if (!outcome->committed) co_return Refused(if_refused, "somebody else was faster");
  co_await Applied(outcome->revision);
  co_return TopicOutcome{ErrorCode::kNone, "", std::move(topic)};
}

}  // namespace millrace::service

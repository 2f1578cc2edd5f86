// Where new partitions lie, and the record of where old ones were found.
#include <span>
#include <utility>

#include <spdlog/spdlog.h>

#include "broker/service/topic_service.h"
#include "broker/service/topic_value.h"

namespace millrace::service {

awaitable<TopicOutcome> TopicService::CommitPlaced(metadata::Transaction transaction,
                                                   std::shared_ptr<core::TopicImage> topic,
                                                   size_t kept, ErrorCode if_refused) {
  auto fresh = std::span(topic->partitions).subspan(kept);
  if (!environment_.directories.Place(fresh)) {
    co_return TopicOutcome{ErrorCode::kKafkaStorageError,
                           "every log directory of the broker is offline", nullptr};
  }
  transaction.mutations.push_back({TopicKey(topic->name), EncodeTopic(*topic)});
  TopicOutcome outcome = co_await Commit(std::move(transaction), topic, if_refused);
  if (outcome.error != ErrorCode::kNone) environment_.directories.Release(fresh);
  co_return outcome;
}

// All at once: one sync is enough for many. What cannot be recorded now is at the next start.
awaitable<void> TopicService::RecordMoved() {
  TaskGroup recording(environment_.shard);
  for (const std::string& name : moved_) recording.Spawn(RecordDirectories(name));
  co_await recording.Join();
}

awaitable<void> TopicService::RecordDirectories(std::string name) {
  absl::StatusOr<metadata::Listing> listing = co_await environment_.store.List(TopicKey(name));
  if (!listing.ok()) co_return;
  const std::optional<StoredTopic> stored = FindStored(*listing, name);
  if (!stored.has_value() || !environment_.directories.Settle(*stored->topic)) co_return;
  TopicOutcome outcome =
      co_await Commit(ReplaceStored(*stored), stored->topic, ErrorCode::kInvalidUpdateVersion);
  if (outcome.error != ErrorCode::kNone) {
    spdlog::error("topic {}: where its partitions lie is not recorded: {}", name, outcome.message);
  }
}

}  // namespace millrace::service

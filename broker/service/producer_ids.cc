#include "broker/service/producer_ids.h"

#include "proto/internal/metadata.pb.h"
#include "proto/invariant.h"

namespace millrace::service {

namespace {

constexpr const char* kKey = "producer-ids";

}  // namespace

awaitable<absl::StatusOr<ProducerId>> ProducerIds::NextHere() {
  while (next_ == block_end_) {
    absl::Status taken = co_await TakeBlock();
    if (!taken.ok()) co_return taken;
  }
  co_return ProducerId(next_++);
}

// Two callers may each take a block at the same time: the ids of one are then never used.
awaitable<absl::Status> ProducerIds::TakeBlock() {
  absl::StatusOr<metadata::Listing> listing = co_await store_.List(kKey);
  if (!listing.ok()) co_return listing.status();
  internal::ProducerIdsValue value;
  metadata::Condition condition{.key = kKey};
  if (!listing->entries.empty()) {
    const metadata::Entry& entry = listing->entries.front();
    condition.modified = entry.modified;
    if (!value.ParseFromString(entry.value)) {
      co_return absl::DataLossError("the producer id block in the metadata store does not parse");
    }
  }
  int64_t first = value.next();
  value.set_next(first + kBlockSize);
  metadata::Transaction transaction;
  transaction.conditions.push_back(condition);
  transaction.mutations.push_back({kKey, value.SerializeAsString()});
  absl::StatusOr<metadata::CommitOutcome> outcome = co_await store_.Commit(transaction);
  if (!outcome.ok()) co_return outcome.status();
  if (outcome->committed) {
    next_ = first;
    block_end_ = first + kBlockSize;
  }
  co_return absl::OkStatus();
}

}  // namespace millrace::service

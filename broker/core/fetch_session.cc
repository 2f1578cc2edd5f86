#include "broker/core/fetch_session.h"

#include <algorithm>
#include <limits>

#include "proto/invariant.h"

namespace millrace::core {

void FetchSession::Put(FetchedPartition wanted) {
  Key key = KeyOf({wanted.topic, wanted.topic_id, wanted.index});
  auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    order_.push_back(std::move(wanted));
    by_key_.emplace(std::move(key), std::prev(order_.end()));
    return;
  }
  FetchedPartition& known = *found->second;
  known.fetch_offset = wanted.fetch_offset;
  known.max_bytes = wanted.max_bytes;
  known.current_leader_epoch = wanted.current_leader_epoch;
  known.last_fetched_epoch = wanted.last_fetched_epoch;
}

void FetchSession::Forget(const PartitionRef& partition) {
  auto found = by_key_.find(KeyOf(partition));
  if (found == by_key_.end()) return;
  order_.erase(found->second);
  by_key_.erase(found);
}

bool FetchSession::Report(const PartitionRef& reported, const PartitionNews& news) {
  auto found = by_key_.find(KeyOf(reported));
  if (found == by_key_.end()) return false;
  FetchedPartition& partition = *found->second;
  bool changed = news.has_records || news.error != ErrorCode::kNone ||
                 partition.sent_error != news.error ||
                 partition.sent_high_watermark != news.high_watermark ||
                 partition.sent_log_start != news.log_start;
  partition.sent_error = news.error;
  partition.sent_high_watermark = news.high_watermark;
  partition.sent_log_start = news.log_start;
  if (news.has_records) order_.splice(order_.end(), order_, found->second);
  return changed;
}

void FetchSession::AdvanceEpoch() {
  next_epoch_ = next_epoch_ == std::numeric_limits<int32_t>::max() ? 1 : next_epoch_ + 1;
}

std::shared_ptr<FetchSession> FetchSessionCache::Create(int32_t fresh_id, bool by_topic_id,
                                                        size_t partitions, int64_t now_ms) {
  INVARIANT(fresh_id > 0);
  if (partitions > partitions_max_) return nullptr;
  while (sessions_.size() >= slots_max_ || !HasRoomFor(partitions)) {
    if (!EvictOldest(now_ms)) return nullptr;
  }
  if (sessions_.contains(fresh_id)) return nullptr;
  auto session = std::make_shared<FetchSession>(fresh_id, by_topic_id);
  sessions_[fresh_id] = {session, now_ms};
  return session;
}

bool FetchSessionCache::HasRoomFor(size_t partitions) const {
  for (const auto& [id, slot] : sessions_) partitions += slot.session->size();
  return partitions <= partitions_max_;
}

bool FetchSessionCache::EvictOldest(int64_t now_ms) {
  auto oldest = std::min_element(
      sessions_.begin(), sessions_.end(),
      [](const auto& a, const auto& b) { return a.second.used_ms < b.second.used_ms; });
  if (oldest == sessions_.end() || now_ms - oldest->second.used_ms < kEvictionMs) return false;
  sessions_.erase(oldest);
  return true;
}

FetchSessionCache::Found FetchSessionCache::Use(const Claim& claim, int64_t now_ms) {
  auto found = sessions_.find(claim.id);
  if (found == sessions_.end()) return {ErrorCode::kFetchSessionIdNotFound, nullptr};
  Slot& slot = found->second;
  if (slot.session->next_epoch() != claim.epoch) {
    return {ErrorCode::kInvalidFetchSessionEpoch, nullptr};
  }
  if (slot.session->by_topic_id() != claim.by_topic_id) {
    return {ErrorCode::kFetchSessionTopicIdError, nullptr};
  }
  slot.session->AdvanceEpoch();
  slot.used_ms = now_ms;
  return {ErrorCode::kNone, slot.session};
}

void FetchSessionCache::Close(int32_t id) { sessions_.erase(id); }

}  // namespace millrace::core

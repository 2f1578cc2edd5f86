// Incremental fetch sessions (KIP-227): a client names its partitions once, later requests and
// answers carry only what changed.
//
// Pure: fresh ids and the time are arguments. One thread (a shard); each shard has a cache of its
// own, so a client that comes back on another shard is told FETCH_SESSION_ID_NOT_FOUND and starts
// anew, as Kafka's clients do.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "proto/error_code.h"
#include "proto/types.h"

namespace millrace::core {

// How a client names a partition: its topic by name (Fetch up to version 12) or by id, the other
// being empty.
struct PartitionRef {
  std::string_view topic;
  TopicId topic_id;
  PartitionIndex index;
};

// One partition that a client wants records of.
struct FetchedPartition {
  std::string topic;
  TopicId topic_id;
  PartitionIndex index;
  Offset fetch_offset;
  int32_t max_bytes = 0;
  std::optional<LeaderEpoch> current_leader_epoch;
  std::optional<LeaderEpoch> last_fetched_epoch;  // a follower's
  // What the last answer told the client; none before the first.
  std::optional<Offset> sent_high_watermark;
  std::optional<Offset> sent_log_start;
  ErrorCode sent_error = ErrorCode::kNone;
};

// What an answer would say about a partition.
struct PartitionNews {
  ErrorCode error = ErrorCode::kNone;
  bool has_records = false;
  Offset high_watermark;
  Offset log_start;
};

class FetchSession {
 public:
  FetchSession(int32_t id, bool by_topic_id) : id_(id), by_topic_id_(by_topic_id) {}

  int32_t id() const { return id_; }
  // Whether its partitions are named by topic id; it stays so.
  bool by_topic_id() const { return by_topic_id_; }
  int32_t next_epoch() const { return next_epoch_; }
  size_t size() const { return by_key_.size(); }

  void Put(FetchedPartition wanted);
  void Forget(const PartitionRef& partition);
  // The partitions in the order in which they are to be served.
  const std::list<FetchedPartition>& partitions() const { return order_; }
  // Whether an incremental answer mentions the partition; if so, notes what it said. False too when
  // the client has forgotten it while the request waited. Partitions that got records go behind
  // the others, so that all get their turn.
  bool Report(const PartitionRef& partition, const PartitionNews& news);
  void AdvanceEpoch();

 private:
  using Key = std::tuple<std::string, TopicId, int32_t>;

  static Key KeyOf(const PartitionRef& partition) {
    return Key(partition.topic, partition.topic_id, partition.index.value());
  }

  int32_t id_;
  bool by_topic_id_;
  int32_t next_epoch_ = 1;
  std::list<FetchedPartition> order_;
  absl::flat_hash_map<Key, std::list<FetchedPartition>::iterator> by_key_;
};

class FetchSessionCache {
 public:
  // `partitions_max`: of all sessions together.
  explicit FetchSessionCache(size_t slots_max, size_t partitions_max = SIZE_MAX)
      : slots_max_(slots_max), partitions_max_(partitions_max) {}

  struct Found {
    ErrorCode error = ErrorCode::kNone;
    std::shared_ptr<FetchSession> session;
  };

  // A fresh session for so many partitions, or null when there is no room for it besides those that
  // were used within the last kEvictionMs (then the client is served without a session, which is
  // always allowed).
  std::shared_ptr<FetchSession> Create(int32_t fresh_id, bool by_topic_id, size_t partitions,
                                       int64_t now_ms);
  bool HasRoomFor(size_t partitions) const;
  // What an incremental request says of its session.
  struct Claim {
    int32_t id = 0;
    int32_t epoch = 0;
    bool by_topic_id = false;
  };
  // The session for an incremental request; FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH
  // or FETCH_SESSION_TOPIC_ID_ERROR otherwise.
  Found Use(const Claim& claim, int64_t now_ms);
  void Close(int32_t id);
  size_t size() const { return sessions_.size(); }

 private:
  static constexpr int64_t kEvictionMs = 120'000;

  struct Slot {
    std::shared_ptr<FetchSession> session;
    int64_t used_ms;
  };

  bool EvictOldest(int64_t now_ms);

  size_t slots_max_;
  size_t partitions_max_;
  absl::flat_hash_map<int32_t, Slot> sessions_;
};

}  // namespace millrace::core

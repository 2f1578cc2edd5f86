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
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "proto/error_code.h"
#include "proto/types.h"

namespace millrace::core {

// One partition that a client wants records of.
struct FetchedPartition {
  std::string topic;
  PartitionIndex index;
  Offset fetch_offset;
  int32_t max_bytes = 0;
  std::optional<LeaderEpoch> current_leader_epoch;
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
  explicit FetchSession(int32_t id) : id_(id) {}

  int32_t id() const { return id_; }
  int32_t next_epoch() const { return next_epoch_; }
  size_t size() const { return by_key_.size(); }

  void Put(FetchedPartition wanted);
  void Forget(std::string_view topic, PartitionIndex index);
  // The partitions in the order in which they are to be served.
  const std::list<FetchedPartition>& partitions() const { return order_; }
  // Whether an incremental answer mentions the partition; if so, notes what it said. False too when
  // the client has forgotten it while the request waited. Partitions that got records go behind
  // the others, so that all get their turn.
  bool Report(std::string_view topic, PartitionIndex index, const PartitionNews& news);
  void AdvanceEpoch();

 private:
  using Key = std::pair<std::string, int32_t>;

  int32_t id_;
  int32_t next_epoch_ = 1;
  std::list<FetchedPartition> order_;
  absl::flat_hash_map<Key, std::list<FetchedPartition>::iterator> by_key_;
};

class FetchSessionCache {
 public:
  explicit FetchSessionCache(size_t slots_max) : slots_max_(slots_max) {}

  struct Found {
    ErrorCode error = ErrorCode::kNone;
    std::shared_ptr<FetchSession> session;
  };

  // A fresh session, or null when every slot is taken by one that was used within the last
  // kEvictionMs (then the client is served without a session, which is always allowed).
  std::shared_ptr<FetchSession> Create(int32_t fresh_id, int64_t now_ms);
  // The session for an incremental request; FETCH_SESSION_ID_NOT_FOUND or
  // INVALID_FETCH_SESSION_EPOCH otherwise.
  Found Use(int32_t id, int32_t epoch, int64_t now_ms);
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
  absl::flat_hash_map<int32_t, Slot> sessions_;
};

}  // namespace millrace::core

// The topic that a run uses: found or created, with the leaders of its partitions, and the versions
// in which the brokers are spoken to.
//
// One thread. Errors: absl::Status with a sentence for the user (tools/kafka_status.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/bench/frames.h"
#include "tools/bench/produce_traffic.h"
#include "tools/cluster_connection.h"

namespace millrace::bench {

struct PartitionPlace {
  PartitionIndex index;
  BrokerId leader;
  std::string server;  // host:port of the leader
};

struct TopicWish {
  std::string name;
  // How many it gets when it is created; none: the broker's default.
  std::optional<int32_t> partitions;
  bool create_if_missing = true;
};

class BenchTopic {
 public:
  // Creates the topic if it is missing, and waits until each of its partitions is served.
  static absl::StatusOr<BenchTopic> Open(const std::string& bootstrap_server,
                                         const TopicWish& wish);

  const TopicName& name() const { return name_; }
  bool was_created() const { return was_created_; }
  const std::vector<PartitionPlace>& partitions() const { return partitions_; }
  // The newest that the leaders and this program know.
  int16_t produce_version() const { return produce_version_; }
  int16_t fetch_version() const { return fetch_version_; }

  // Where the partition begins or ends: a special time of ListOffsets.
  absl::StatusOr<Offset> OffsetAt(const PartitionPlace& partition, int64_t timestamp);
  absl::Status Delete();

 private:
  explicit BenchTopic(std::unique_ptr<tools::ClusterConnection> cluster)
      : cluster_(std::move(cluster)) {}

  absl::Status Create(const TopicWish& wish);
  absl::Status Find(const TopicWish& wish);
  absl::Status FindLeaders(const tools::TopicLeaders& topic);
  absl::Status NegotiateVersions();

  std::unique_ptr<tools::ClusterConnection> cluster_;
  TopicName name_;
  bool was_created_ = false;
  std::vector<PartitionPlace> partitions_;
  int16_t produce_version_ = 0;
  int16_t fetch_version_ = 0;
};

// Spreads partitions over connections so that each speaks to one broker. Where there are more
// connections than partitions, several have the same one. Fails when they are fewer than leaders.
absl::StatusOr<std::vector<ConnectionPlan>> PlanConnections(
    const std::vector<PartitionPlace>& partitions, size_t count);

// The newest version in a range that both sides know; none: there is none.
std::optional<int16_t> NewestCommon(const wire::MessageInfo& ours, int16_t min, int16_t max);

}  // namespace millrace::bench

// What the tests of a whole broker share: a broker in a directory of its own, and requests in a
// line each.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/app/embedded_broker.h"
#include "proto/record/batch_builder.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_client.h"

namespace millrace::test {

constexpr int16_t kProduceVersion = 12;
constexpr int16_t kFetchVersion = 12;

class TestBroker {
 public:
  explicit TestBroker(size_t shards, std::vector<NameAndValue> properties = {},
                      storage::FileSystem* file_system = nullptr);

  TestClient Connect(int receive_buffer_bytes = 0) const {
    return TestClient(broker_->port(), receive_buffer_bytes);
  }
  Broker& broker() { return *broker_; }
  uint16_t port() const { return broker_->port(); }
  const std::string& directory() const { return directory_.path(); }
  // Stops in order and starts again on the same directory; clients must connect anew.
  void Restart();

 private:
  void Start();

  TemporaryDirectory directory_;
  EmbeddedBrokerOptions options_;
  std::unique_ptr<Broker> broker_;
};

using Batch = std::vector<std::byte>;
// One batch with a record for each value, all at the given time.
Batch BatchOf(const std::vector<std::string>& values, record::BatchBuilderOptions options = {},
              int64_t timestamp_ms = 1'700'000'000'000);
// A batch of one record, about that large.
Batch LargeBatch(size_t bytes);
record::BatchBuilderOptions Idempotent(int64_t producer_id, int32_t base_sequence,
                                       int16_t epoch = 0);

// The values of all records of a run of batches, in order.
std::vector<std::string> ValuesIn(const wire::Records& records);

// A produce request that is put together partition by partition.
class ProduceCall {
 public:
  ProduceCall& Add(std::string topic, int32_t partition, std::optional<Batch> batch);
  wire::ProduceRequest& request();

 private:
  struct Topic {
    std::string name;
    std::vector<wire::ProduceRequest::Partition> partitions;
  };
  std::deque<Topic> names_;
  std::deque<Batch> batches_;
  std::vector<wire::ProduceRequest::Topic> topics_;
  wire::ProduceRequest request_{.acks = wire::kAcksAll, .timeout_ms = 30'000};
};

class FetchCall {
 public:
  FetchCall& Add(std::string topic, int32_t partition, int64_t offset, int32_t max_bytes = 1 << 20);
  FetchCall& Forget(std::string topic, int32_t partition);
  wire::FetchRequest& request();

 private:
  struct Topic {
    std::string name;
    std::vector<wire::FetchRequest::Partition> partitions;
    std::vector<PartitionIndex> forgotten;
  };
  std::deque<Topic> names_;
  std::vector<wire::FetchRequest::Topic> topics_;
  std::vector<wire::FetchRequest::ForgottenTopic> forgotten_;
  wire::FetchRequest request_{.max_wait_ms = 0, .min_bytes = 1, .max_bytes = 50 << 20};
};

struct TopicConfig {
  std::string name;
  std::string value;
};

// Requires success.
TopicId CreateTopic(TestClient& client, const std::string& name, int32_t partitions = 1,
                    const std::vector<TopicConfig>& configs = {});
ErrorCode DeleteTopic(TestClient& client, const std::string& name);

// The answer for the one partition that the request names.
wire::ProduceResponse::Partition Produce(TestClient& client, const std::string& topic,
                                         int32_t partition, Batch batch,
                                         int16_t acks = wire::kAcksAll);
// What there is from the offset on, until nothing more comes.
std::vector<std::string> ReadAll(TestClient& client, const std::string& topic, int32_t partition,
                                 int64_t offset = 0);
wire::ListOffsetsResponse::Partition ListOffset(TestClient& client, const std::string& topic,
                                                int32_t partition, int64_t timestamp,
                                                int16_t version = 11);

}  // namespace millrace::test

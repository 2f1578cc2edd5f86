#include "tests/broker/support.h"

#include <algorithm>

#include "proto/record/open_batch.h"

namespace millrace::test {

TestBroker::TestBroker(size_t shards, std::vector<NameAndValue> properties,
                       storage::FileSystem* file_system)
    : options_{.data_directory = directory_.path(),
               .shards = shards,
               .properties = std::move(properties),
               .file_system = file_system} {
  Start();
}

void TestBroker::Start() {
  auto started = EmbeddedBroker::Start(options_);
  INFO(started.status().ToString());
  REQUIRE(started.ok());
  broker_ = *std::move(started);
}

void TestBroker::Restart() {
  absl::Status stopped = broker_->Stop();
  INFO(stopped.ToString());
  REQUIRE(stopped.ok());
  broker_.reset();
  Start();
}

Batch BatchOf(const std::vector<std::string>& values, record::BatchBuilderOptions options,
              int64_t timestamp_ms) {
  record::BatchBuilder builder(options);
  for (const std::string& value : values) {
    builder.Add({.timestamp = TimestampMs(timestamp_ms), .value = std::as_bytes(std::span(value))});
  }
  auto batch = std::move(builder).Build();
  REQUIRE(batch.ok());
  return *std::move(batch);
}

Batch LargeBatch(size_t bytes) { return BatchOf({std::string(bytes, 'L')}); }

record::BatchBuilderOptions Idempotent(int64_t producer_id, int32_t base_sequence, int16_t epoch) {
  record::BatchBuilderOptions options;
  options.producer =
      record::ProducerStamp{ProducerId(producer_id), ProducerEpoch(epoch), base_sequence};
  return options;
}

std::vector<std::string> ValuesIn(const wire::Records& records) {
  std::vector<std::string> values;
  REQUIRE(records.bytes.has_value());
  wire::Bytes bytes = *records.bytes;
  while (record::IsIntact(bytes)) {
    auto size = static_cast<size_t>(record::BatchView(bytes).size_bytes());
    absl::Status walked = record::ForEachRecord(
        bytes.first(size), size_t{64} << 20, [&](const record::RecordView& one) {
          wire::Bytes value = one.value.value_or(wire::Bytes());
          values.emplace_back(reinterpret_cast<const char*>(value.data()), value.size());
          return record::Walk::kGoOn;
        });
    REQUIRE(walked.ok());
    bytes = bytes.subspan(size);
  }
  return values;
}

ProduceCall& ProduceCall::Add(std::string topic, int32_t partition, std::optional<Batch> batch) {
  if (names_.empty() || names_.back().name != topic) names_.push_back({std::move(topic), {}});
  wire::Records records;
  if (batch.has_value()) records.bytes = batches_.emplace_back(*std::move(batch));
  names_.back().partitions.push_back({PartitionIndex(partition), records});
  return *this;
}

wire::ProduceRequest& ProduceCall::request() {
  topics_.clear();
  for (Topic& topic : names_) {
    topics_.push_back({.name = topic.name, .partition_data = ArrayOf(topic.partitions)});
  }
  request_.topic_data = ArrayOf(topics_);
  return request_;
}

FetchCall& FetchCall::Add(std::string topic, int32_t partition, int64_t offset, int32_t max_bytes) {
  if (names_.empty() || names_.back().name != topic) names_.push_back({std::move(topic), {}, {}});
  names_.back().partitions.push_back({.partition = PartitionIndex(partition),
                                      .fetch_offset = Offset(offset),
                                      .partition_max_bytes = max_bytes});
  return *this;
}

FetchCall& FetchCall::Forget(std::string topic, int32_t partition) {
  names_.push_back({std::move(topic), {}, {PartitionIndex(partition)}});
  return *this;
}

wire::FetchRequest& FetchCall::request() {
  topics_.clear();
  forgotten_.clear();
  for (Topic& topic : names_) {
    if (!topic.partitions.empty()) {
      topics_.push_back({.topic = topic.name, .partitions = ArrayOf(topic.partitions)});
    }
    if (!topic.forgotten.empty()) {
      forgotten_.push_back({.topic = topic.name, .partitions = ArrayOf(topic.forgotten)});
    }
  }
  request_.topics = ArrayOf(topics_);
  request_.forgotten_topics_data = ArrayOf(forgotten_);
  return request_;
}

TopicId CreateTopic(TestClient& client, const std::string& name, int32_t partitions,
                    const std::vector<TopicConfig>& configs) {
  std::vector<wire::CreateTopicsRequest::Config> wanted;
  for (const TopicConfig& config : configs) wanted.push_back({config.name, config.value});
  std::vector<wire::CreateTopicsRequest::Topic> topics(1);
  topics[0].name = name;
  topics[0].num_partitions = partitions;
  topics[0].replication_factor = std::nullopt;
  topics[0].configs = ArrayOf(wanted);
  auto answer = client.Call(wire::CreateTopicsRequest{.topics = ArrayOf(topics)}, 7);
  REQUIRE(answer->topics.size() == 1);
  REQUIRE(answer->topics[0].error_code == ErrorCode::kNone);
  return answer->topics[0].topic_id;
}

ErrorCode DeleteTopic(TestClient& client, const std::string& name) {
  std::vector<wire::DeleteTopicsRequest::Topic> topics{{.name = name, .topic_id = {}}};
  auto answer = client.Call(wire::DeleteTopicsRequest{.topics = ArrayOf(topics)}, 6);
  REQUIRE(answer->responses.size() == 1);
  return answer->responses[0].error_code;
}

wire::ProduceResponse::Partition Produce(TestClient& client, const std::string& topic,
                                         int32_t partition, Batch batch, int16_t acks) {
  ProduceCall call;
  call.Add(topic, partition, std::move(batch)).request().acks = acks;
  auto answer = client.Call(call.request(), kProduceVersion);
  REQUIRE(answer->responses.size() == 1);
  REQUIRE(answer->responses[0].partition_responses.size() == 1);
  wire::ProduceResponse::Partition result = answer->responses[0].partition_responses[0];
  result.error_message.reset();  // its memory ends here
  return result;
}

std::vector<std::string> ReadAll(TestClient& client, const std::string& topic, int32_t partition,
                                 int64_t offset) {
  std::vector<std::string> values;
  for (;;) {
    FetchCall call;
    call.Add(topic, partition, offset + static_cast<int64_t>(values.size()));
    auto answer = client.Call(call.request(), kFetchVersion);
    REQUIRE(answer->responses.size() == 1);
    const auto& got = answer->responses[0].partitions[0];
    REQUIRE(got.error_code == ErrorCode::kNone);
    std::vector<std::string> more = ValuesIn(got.records);
    if (more.empty()) return values;
    values.insert(values.end(), more.begin(), more.end());
  }
}

wire::ListOffsetsResponse::Partition ListOffset(TestClient& client, const std::string& topic,
                                                int32_t partition, int64_t timestamp,
                                                int16_t version) {
  std::vector<wire::ListOffsetsRequest::Partition> partitions{
      {.partition_index = PartitionIndex(partition),
       .current_leader_epoch = std::nullopt,
       .timestamp = timestamp}};
  std::vector<wire::ListOffsetsRequest::Topic> topics{{topic, ArrayOf(partitions)}};
  wire::ListOffsetsRequest request;
  request.topics = ArrayOf(topics);
  auto answer = client.Call(request, version);
  REQUIRE(answer->topics.size() == 1);
  REQUIRE(answer->topics[0].partitions.size() == 1);
  return answer->topics[0].partitions[0];
}

}  // namespace millrace::test

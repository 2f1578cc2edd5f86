// Produce 13 and Fetch 13 and later name topics by id.
#include <catch2/catch.hpp>

#include "tests/broker/support.h"

namespace millrace::test {
namespace {

using Values = std::vector<std::string>;

constexpr int16_t kNewestProduce = 13;
constexpr int16_t kNewestFetch = 18;
const TopicId kNobody{{std::byte{9}, std::byte{9}}};

wire::ProduceResponse::Partition ProduceById(TestClient& client, const TopicId& id,
                                             int32_t partition, Batch batch) {
  ProduceCall call;
  wire::ProduceRequest& request = call.Add("", partition, std::move(batch)).request();
  request.topic_data[0].topic_id = id;
  auto answer = client.Call(request, kNewestProduce);
  REQUIRE(answer->responses.size() == 1);
  CHECK(answer->responses[0].topic_id == id);
  wire::ProduceResponse::Partition result = answer->responses[0].partition_responses[0];
  result.error_message.reset();  // its memory ends here
  return result;
}

// The request of `call`, with every topic that it names replaced by this id.
wire::FetchRequest& ById(FetchCall& call, const TopicId& id) {
  wire::FetchRequest& request = call.request();
  for (auto& topic : request.topics) topic.topic_id = id;
  for (auto& topic : request.forgotten_topics_data) topic.topic_id = id;
  return request;
}

TEST_CASE("topic ids: produce and fetch refuse an id that no topic has") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  CHECK(ProduceById(client, kNobody, 0, BatchOf({"x"})).error_code == ErrorCode::kUnknownTopicId);
  CHECK(ProduceById(client, TopicId{}, 0, BatchOf({"x"})).error_code == ErrorCode::kUnknownTopicId);
  for (int16_t version = 13; version <= kNewestFetch; ++version) {
    FetchCall call;
    call.Add("", 0, 0);
    for (const TopicId& id : {kNobody, TopicId{}}) {
      auto answer = client.Call(ById(call, id), version);
      REQUIRE(answer->responses.size() == 1);
      CHECK(answer->responses[0].topic_id == id);
      CHECK(answer->responses[0].partitions[0].error_code == ErrorCode::kUnknownTopicId);
    }
  }
}

TEST_CASE("topic ids: what is produced by id is fetched by id, in every version") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  TopicId id = CreateTopic(client, "t", 2);
  CHECK(ProduceById(client, id, 2, BatchOf({"x"})).error_code ==
        ErrorCode::kUnknownTopicOrPartition);
  REQUIRE(ProduceById(client, id, 1, BatchOf({"a", "b"})).base_offset == Offset(0));
  for (int16_t version = 13; version <= kNewestFetch; ++version) {
    FetchCall call;
    call.Add("", 1, 0).Add("", 2, 0);
    auto answer = client.Call(ById(call, id), version);
    REQUIRE(answer->responses.size() == 1);
    REQUIRE(answer->responses[0].partitions.size() == 2);
    CHECK(ValuesIn(answer->responses[0].partitions[0].records) == Values{"a", "b"});
    CHECK(answer->responses[0].partitions[1].error_code == ErrorCode::kUnknownTopicOrPartition);
  }
}

TEST_CASE("topic ids: a topic that was made anew under its name is another one") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  TopicId old_id = CreateTopic(client, "t");
  ProduceById(client, old_id, 0, BatchOf({"old"}));
  REQUIRE(DeleteTopic(client, "t") == ErrorCode::kNone);
  TopicId new_id = CreateTopic(client, "t");
  CHECK(ProduceById(client, old_id, 0, BatchOf({"late"})).error_code == ErrorCode::kUnknownTopicId);
  CHECK(ProduceById(client, new_id, 0, BatchOf({"new"})).base_offset == Offset(0));
}

TEST_CASE("topic ids: a fetch session keeps to ids or to names") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  TopicId id = CreateTopic(client, "t", 2);
  FetchCall call;
  call.Add("", 0, 0).Add("", 1, 0);
  ById(call, id).session_epoch = 0;
  auto first = client.Call(ById(call, id), kNewestFetch);
  REQUIRE(first->session_id != 0);
  FetchCall by_name;
  by_name.request().session_id = first->session_id;
  by_name.request().session_epoch = 1;
  CHECK(client.Call(by_name.request(), 12)->error_code == ErrorCode::kFetchSessionTopicIdError);
  ProduceById(client, id, 1, BatchOf({"news"}));
  auto second = client.Call(by_name.request(), kNewestFetch);
  REQUIRE(second->error_code == ErrorCode::kNone);
  REQUIRE(second->responses.size() == 1);
  CHECK(second->responses[0].topic_id == id);
  REQUIRE(second->responses[0].partitions.size() == 1);
  CHECK(ValuesIn(second->responses[0].partitions[0].records) == Values{"news"});
}

TEST_CASE("topic ids: a session forgets a partition by its topic's id") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  TopicId id = CreateTopic(client, "t", 2);
  FetchCall call;
  call.Add("", 0, 0).Add("", 1, 0);
  ById(call, id).session_epoch = 0;
  auto first = client.Call(ById(call, id), kNewestFetch);
  FetchCall forget;
  forget.Forget("", 1);
  ById(forget, id).session_id = first->session_id;
  ById(forget, id).session_epoch = 1;
  ProduceById(client, id, 1, BatchOf({"unseen"}));
  auto second = client.Call(ById(forget, id), kNewestFetch);
  CHECK(second->error_code == ErrorCode::kNone);
  CHECK(second->responses.empty());
}

TEST_CASE("fetch: a follower is told where its log parts from the leader's") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  TopicId id = CreateTopic(client, "t");
  ProduceById(client, id, 0, BatchOf({"a", "b"}));
  auto fetch = [&](int64_t from, int32_t last_fetched_epoch) {
    FetchCall call;
    call.Add("", 0, from);
    wire::FetchRequest& request = ById(call, id);
    request.topics[0].partitions[0].last_fetched_epoch = LeaderEpoch(last_fetched_epoch);
    auto answer = client.Call(request, kNewestFetch);
    auto result = answer->responses[0].partitions[0];
    result.records = {};  // its memory ends here
    return result;
  };
  CHECK_FALSE(fetch(2, 0).diverging_epoch.has_value());
  auto ahead = fetch(3, 0);
  CHECK(ahead.error_code == ErrorCode::kNone);
  REQUIRE(ahead.diverging_epoch.has_value());
  CHECK(ahead.diverging_epoch->epoch == LeaderEpoch(0));
  CHECK(ahead.diverging_epoch->end_offset == Offset(2));
  CHECK(fetch(2, 5).error_code == ErrorCode::kOffsetOutOfRange);
}

}  // namespace
}  // namespace millrace::test

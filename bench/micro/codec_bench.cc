// The wire codec on the requests and responses of the two paths, for messages of one partition
// (argument 1) and of many.
#include <benchmark/benchmark.h>

#include "bench/micro/sample_batch.h"
#include "proto/wire/fetch.h"
#include "proto/wire/frame.h"
#include "proto/wire/produce.h"

namespace millrace::bench {
namespace {

constexpr int16_t kProduceVersion = 9;
constexpr int16_t kFetchVersion = 12;

// One topic with as many partitions as asked for; `fill` sets what matters in each of them.
template <class Topic, class Partition, class Fill>
wire::Array<Topic> OneTopic(wire::Arena& arena, benchmark::State& state,
                            wire::Array<Partition> Topic::* partitions, Fill fill) {
  wire::Array<Topic> topics = arena.NewArray<Topic>(1);
  topics[0].*partitions = arena.NewArray<Partition>(static_cast<size_t>(state.range(0)));
  for (Partition& partition : topics[0].*partitions) fill(partition);
  return topics;
}

wire::ProduceRequest SampleProduce(wire::Arena& arena, benchmark::State& state, wire::Bytes batch) {
  wire::ProduceRequest request{.acks = wire::kAcksAll, .timeout_ms = 30'000};
  request.topic_data = OneTopic(arena, state, &wire::ProduceRequest::Topic::partition_data,
                                [&](auto& partition) { partition.records.bytes = batch; });
  request.topic_data[0].name = "orders";
  return request;
}

wire::FetchRequest SampleFetch(wire::Arena& arena, benchmark::State& state) {
  wire::FetchRequest request{.max_wait_ms = 500, .min_bytes = 1};
  request.topics = OneTopic(arena, state, &wire::FetchRequest::Topic::partitions,
                            [](auto& partition) { partition.partition_max_bytes = 1 << 20; });
  request.topics[0].topic = "orders";
  return request;
}

template <class Message>
void Encode(benchmark::State& state, const Message& message, int16_t version) {
  wire::ByteBuffer buffer;
  for (auto _ : state) {
    buffer.Clear();
    wire::EncodeMessage(buffer, message, version);
    benchmark::DoNotOptimize(buffer.data());
  }
}

template <class Message>
void Decode(benchmark::State& state, const Message& message, int16_t version) {
  wire::ByteBuffer buffer;
  wire::EncodeMessage(buffer, message, version);
  wire::Arena arena;
  for (auto _ : state) {
    arena.Reset();
    Message decoded;
    const char* fault = wire::DecodeMessage(buffer.bytes(), version, arena, decoded);
    if (fault != nullptr) state.SkipWithError(fault);
    benchmark::DoNotOptimize(decoded);
  }
}

void DecodeProduceRequest(benchmark::State& state) {
  wire::Arena arena;
  const std::vector<std::byte> batch = SampleBatch(1 << 10);
  Decode(state, SampleProduce(arena, state, batch), kProduceVersion);
}
BENCHMARK(DecodeProduceRequest)->Arg(1)->Arg(100);

void EncodeProduceResponse(benchmark::State& state) {
  wire::Arena arena;
  wire::ProduceResponse response;
  response.responses = OneTopic(arena, state, &wire::ProduceResponse::Topic::partition_responses,
                                [](auto& partition) { partition.base_offset = Offset(42); });
  response.responses[0].name = "orders";
  Encode(state, response, kProduceVersion);
}
BENCHMARK(EncodeProduceResponse)->Arg(1)->Arg(100);

void EncodeProduceRequest(benchmark::State& state) {
  wire::Arena arena;
  const std::vector<std::byte> batch = SampleBatch(1 << 10);
  Encode(state, SampleProduce(arena, state, batch), kProduceVersion);
}
BENCHMARK(EncodeProduceRequest)->Arg(1);

void DecodeFetchRequest(benchmark::State& state) {
  wire::Arena arena;
  Decode(state, SampleFetch(arena, state), kFetchVersion);
}
BENCHMARK(DecodeFetchRequest)->Arg(1)->Arg(100);

// Records that stay in their file, as a broker answers.
void EncodeFetchResponse(benchmark::State& state) {
  wire::Arena arena;
  wire::FetchResponse response;
  response.responses = OneTopic(arena, state, &wire::FetchResponse::Topic::partitions,
                                [](auto& partition) { partition.records.external_size = 1 << 20; });
  response.responses[0].topic = "orders";
  Encode(state, response, kFetchVersion);
}
BENCHMARK(EncodeFetchResponse)->Arg(1)->Arg(100);

}  // namespace
}  // namespace millrace::bench

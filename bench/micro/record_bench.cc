// Checksums and batches: what a leader does with every byte and every record that it is sent.
#include <benchmark/benchmark.h>

#include "bench/micro/sample_batch.h"
#include "proto/record/batch.h"
#include "proto/record/crc32c.h"
#include "proto/record/record_reader.h"

namespace millrace::bench {
namespace {

void SetBytes(benchmark::State& state, size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void Crc32c(benchmark::State& state) {
  const std::vector<std::byte> bytes(static_cast<size_t>(state.range(0)), std::byte{42});
  for (auto _ : state) benchmark::DoNotOptimize(record::Crc32c(bytes));
  SetBytes(state, bytes.size());
}
BENCHMARK(Crc32c)->Arg(128)->Arg(1 << 10)->Arg(16 << 10)->Arg(100 << 10)->Arg(1 << 20);

void CheckBatch(benchmark::State& state) {
  const std::vector<std::byte> batch = SampleBatch(static_cast<size_t>(state.range(0)));
  const record::CheckOptions options{.max_batch_bytes = 1 << 21};
  for (auto _ : state) {
    auto fault = record::CheckBatch(batch, options);
    if (fault.has_value()) state.SkipWithError("the sample batch was refused");
    benchmark::DoNotOptimize(fault);
  }
  SetBytes(state, batch.size());
  state.SetItemsProcessed(state.iterations() * record::BatchView(batch).record_count());
}
BENCHMARK(CheckBatch)->Arg(0)->Arg(16 << 10)->Arg(100 << 10)->Arg(1'000'000);

void WalkRecords(benchmark::State& state) {
  const std::vector<std::byte> batch = SampleBatch(static_cast<size_t>(state.range(0)));
  const record::BatchView view(batch);
  for (auto _ : state) {
    record::RecordReader reader(view, view.records());
    while (auto record = reader.Next()) benchmark::DoNotOptimize(record);
  }
  state.SetItemsProcessed(state.iterations() * view.record_count());
}
BENCHMARK(WalkRecords)->Arg(100 << 10);

void StampBatch(benchmark::State& state) {
  std::vector<std::byte> batch = SampleBatch(16 << 10);
  Offset next(0);
  for (auto _ : state) {
    record::StampBatch(batch, next, LeaderEpoch(3));
    next = next + 1;
    benchmark::ClobberMemory();
  }
}
BENCHMARK(StampBatch);

}  // namespace
}  // namespace millrace::bench

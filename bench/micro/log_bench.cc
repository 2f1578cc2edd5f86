// One partition's log on the real file system: append, index look-up, read. The files lie under the
// working directory, so run it on the disk that matters.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <unistd.h>

#include <benchmark/benchmark.h>

#include "bench/micro/sample_batch.h"
#include "storage/log.h"
#include "storage/offset_index.h"

namespace millrace::bench {
namespace {

constexpr int64_t kLogBytes = 512 << 20;

// Removed with everything in it when it goes out of scope.
class ScratchDirectory {
 public:
  ScratchDirectory() : path_("millrace-bench-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void Require(const absl::Status& status) {
  if (!status.ok()) Die(status.ToString());
}

template <class T>
T Require(absl::StatusOr<T> result) {
  Require(result.status());
  return *std::move(result);
}

std::unique_ptr<storage::Log> NewLog(const ScratchDirectory& scratch) {
  std::string directory = scratch.Path("orders-0");
  std::filesystem::remove_all(directory);
  return Require(storage::Log::Open(storage::PosixFileSystem(), directory, {}, {}, kSampleTime));
}

void ReserveSpace(storage::Log& log) {
  std::optional<storage::DiskJob> job = log.Preallocate();
  if (!job.has_value()) return;
  Require(job->run());
  job->finish();
}

// The last append stamped the batch; the next one is to find it as a client sends it.
void AppendOne(storage::Log& log, std::span<std::byte> batch) {
  record::StampBatch(batch, Offset(0), LeaderEpoch(0));
  storage::AppendResult result =
      Require(log.Append(batch, {.leader_epoch = LeaderEpoch(0), .now = kSampleTime}));
  if (result.error != ErrorCode::kNone) Die("the log refused a batch: " + result.message);
}

// Space is reserved outside the measured time, as the disk pool does it for a shard.
void LogAppend(benchmark::State& state) {
  ScratchDirectory scratch;
  std::vector<std::byte> batch = SampleBatch(static_cast<size_t>(state.range(0)));
  auto batch_bytes = static_cast<int64_t>(batch.size());
  const int64_t step_bytes = std::max<int64_t>(8 << 20, 2 * batch_bytes);
  std::unique_ptr<storage::Log> log = NewLog(scratch);
  int64_t since_reserved = 0;
  for (auto _ : state) {
    if (since_reserved + batch_bytes > step_bytes) {
      state.PauseTiming();
      if (log->size_bytes() > kLogBytes) log = NewLog(scratch);
      ReserveSpace(*log);
      since_reserved = 0;
      state.ResumeTiming();
    }
    AppendOne(*log, batch);
    since_reserved += batch_bytes;
  }
  state.SetBytesProcessed(state.iterations() * batch_bytes);
}
BENCHMARK(LogAppend)->Arg(0)->Arg(16 << 10)->Arg(100 << 10)->Arg(1'000'000);

// A read at a random offset: the index look-up and the walk to the batch that holds it.
void LogRead(benchmark::State& state) {
  ScratchDirectory scratch;
  std::unique_ptr<storage::Log> log = NewLog(scratch);
  std::vector<std::byte> batch = SampleBatch(static_cast<size_t>(state.range(0)));
  while (log->size_bytes() < kLogBytes / 4) AppendOne(*log, batch);
  std::minstd_rand random(7);
  std::uniform_int_distribution<int64_t> offsets(0, log->log_end().value() - 1);
  for (auto _ : state) {
    absl::StatusOr<storage::ReadResult> read =
        log->Read({.from = Offset(offsets(random)), .limit = log->log_end()});
    if (!read.ok() || read->slice.size == 0) Die("a read found nothing");
    benchmark::DoNotOptimize(read);
  }
}
BENCHMARK(LogRead)->Arg(0)->Arg(16 << 10)->Arg(100 << 10);

// The look-up alone, in an index whose entries mostly stand in the mapped file.
void IndexLookup(benchmark::State& state) {
  ScratchDirectory scratch;
  std::shared_ptr<storage::File> file = Require(storage::PosixFileSystem().Open(
      scratch.Path("00000000000000000000.index"), storage::OpenMode::kCreate));
  storage::OffsetIndex index(file, Offset(0), 0, 10 << 20);
  for (int64_t i = 1; i <= state.range(0); ++i) {
    index.Append({.offset = Offset(i * 40), .position = i * 4096});
    Require(index.entries().WriteGathered());
  }
  std::minstd_rand random(7);
  std::uniform_int_distribution<int64_t> offsets(40, state.range(0) * 40);
  for (auto _ : state) {
    auto entry = index.Floor(Offset(offsets(random)));
    if (!entry.ok() || !entry->has_value()) Die("an index look-up found nothing");
    benchmark::DoNotOptimize(entry);
  }
}
BENCHMARK(IndexLookup)->Arg(100)->Arg(10'000)->Arg(250'000);

}  // namespace
}  // namespace millrace::bench

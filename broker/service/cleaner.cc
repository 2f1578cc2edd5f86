#include "broker/service/cleaner.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

#include "broker/runtime/random.h"
#include "storage/key_map.h"

namespace millrace::service {

namespace {

using partition::Partition;

constexpr int64_t kBufferBytesMin = 64 << 10;
constexpr int64_t kOpenedBytesMax = 64 << 20;
// Of the budget that all cleanings take together: an eighth for keys, an eighth for what is opened.
constexpr int64_t kBudgetShare = 8;
constexpr int64_t kBackoffMsMax = 3'600'000;
constexpr double kMiB = 1 << 20;

size_t ThreadsOf(const core::Properties& properties) {
  if (!properties.Bool("log.cleaner.enable")) return 0;
  return static_cast<size_t>(properties.Integer("log.cleaner.threads"));
}

uint64_t FreshSeed() {
  auto bytes = FreshRandomBytes();
  uint64_t seed = 0;
  for (size_t i = 0; i < sizeof(seed); ++i) seed = seed << 8 | std::to_integer<uint64_t>(bytes[i]);
  return seed;
}

// On the partition's shard.
awaitable<std::optional<storage::CompactionReport>> CompactOn(Partition& partition, DiskPool& pool,
                                                              storage::CompactionRequest request) {
  co_return co_await partition.Compact(pool, std::move(request));
}

}  // namespace

Cleaner::Cleaner(Environment environment) : environment_(environment), tasks_(environment.shard) {
  size_t threads = ThreadsOf(environment_.properties);
  if (threads > 0) pool_ = std::make_unique<DiskPool>(threads);
  for (size_t i = 0; i < threads; ++i) {
    timers_.push_back(std::make_unique<asio::steady_timer>(environment_.shard.context()));
  }
}

Cleaner::~Cleaner() = default;

void Cleaner::Start() {
  for (size_t i = 0; i < timers_.size(); ++i) tasks_.Spawn(Loop(i));
}

awaitable<void> Cleaner::Stop() {
  stopping_.store(true);
  throttle_.Wake();
  for (auto& timer : timers_) timer->cancel();
  co_await tasks_.Join();
}

awaitable<void> Cleaner::Loop(size_t thread) {
  while (!stopping_.load()) {
    bool is_cleaned = co_await CleanDirtiest();
    if (is_cleaned) continue;
    // A stop while it was busy found no timer to cancel.
    if (stopping_.load()) co_return;
    const core::Properties& now = environment_.cluster.current().configs->effective();
    int64_t wait_ms = std::clamp<int64_t>(now.Integer("log.cleaner.backoff.ms"), 1, kBackoffMsMax);
    timers_[thread]->expires_after(std::chrono::milliseconds(wait_ms));
    co_await timers_[thread]->async_wait(kAwait);
  }
}

awaitable<bool> Cleaner::CleanDirtiest() {
  Dirtiest found;
  ShardSet& shards = environment_.table.shards();
  for (size_t i = 0; i < shards.size(); ++i) co_await shards[i].Run(FindHere(found));
  metrics_.dirty_ratio_max = found.dirty_ratio_max;
  metrics_.uncleanable = found.uncleanable;
  if (found.partition == nullptr || stopping_.load()) co_return false;
  co_return co_await Clean(found);
}

// On each shard in turn.
awaitable<void> Cleaner::FindHere(Dirtiest& found) const {
  TimestampMs now = WallNow();
  for (const auto& hosted : environment_.table.On(Shard::Current()).All()) {
    if (hosted->is_uncleanable()) ++found.uncleanable;
    storage::CompactionNeed need = hosted->CompactionNeed(now);
    found.dirty_ratio_max = std::max(found.dirty_ratio_max, need.dirty_ratio());
    if (need.must_roll || need.must_flush) co_await hosted->PrepareCompaction(need, now);
    if (!need.is_due) continue;
    if (found.partition != nullptr && found.dirty_ratio >= need.dirty_ratio()) continue;
    found.partition = hosted;
    found.dirty_ratio = need.dirty_ratio();
    found.dirty_offsets = hosted->log().log_end() - hosted->log().cleaned_until();
  }
}

awaitable<bool> Cleaner::Clean(const Dirtiest& dirtiest) {
  const core::Properties& now = environment_.cluster.current().configs->effective();
  throttle_.SetRate(now.Double("log.cleaner.io.max.bytes.per.second"));
  Share share = ShareOf(dirtiest);
  Partition& partition = *dirtiest.partition;
  share.request.pace = [this, stop = partition.compaction_stop()](int64_t bytes) {
    auto stops = [&] { return stopping_.load() || stop->load(); };
    throttle_.Pass(bytes, stops);
    return !stops();
  };
  MonotonicMs began = SteadyNow();
  environment_.budget.Add(share.bytes);
  auto report =
      co_await partition.shard().Run(CompactOn(partition, *pool_, std::move(share.request)));
  environment_.budget.Add(-share.bytes);
  if (!report.has_value()) co_return false;
  Note(partition.name(), *report, SteadyNow() - began);
  co_return report->status.ok() && report->end > report->from;
}

Cleaner::Share Cleaner::ShareOf(const Dirtiest& dirtiest) const {
  const core::Properties& now = environment_.cluster.current().configs->effective();
  auto threads = static_cast<int64_t>(timers_.size());
  int64_t of_budget = environment_.budget.limit() / kBudgetShare / threads;
  double load_factor = std::max(now.Double("log.cleaner.io.buffer.load.factor"), 0.1);
  double wanted = (static_cast<double>(dirtiest.dirty_offsets) / load_factor + 2) *
                  static_cast<double>(storage::KeyMap::kSlotBytes);
  int64_t map_bytes = std::min(now.Integer("log.cleaner.dedupe.buffer.size") / threads, of_budget);
  if (wanted < static_cast<double>(map_bytes)) map_bytes = static_cast<int64_t>(wanted);
  // Half of it for reading, half for writing.
  int64_t buffer_bytes =
      std::max(now.Integer("log.cleaner.io.buffer.size") / threads / 2, kBufferBytesMin / 2);
  int64_t opened_bytes = std::min(kOpenedBytesMax, of_budget);
  Share share;
  share.request = {.limit = Offset(0),  // the partition's to say
                   .now = WallNow(),
                   .seed = FreshSeed(),
                   .map_bytes = static_cast<size_t>(map_bytes),
                   .load_factor = load_factor,
                   .buffer_bytes = static_cast<size_t>(buffer_bytes),
                   .opened_bytes_max = static_cast<size_t>(opened_bytes),
                   .pace = {}};
  share.bytes = map_bytes + 2 * buffer_bytes + opened_bytes;
  return share;
}

void Cleaner::Note(const partition::PartitionName& name, const storage::CompactionReport& report,
                   int64_t took_ms) {
  metrics_.bytes_read += report.bytes_read;
  metrics_.bytes_written += report.bytes_written;
  if (!report.status.ok()) {
    // Why is logged by the partition. What is stopped is no failure.
    if (!absl::IsCancelled(report.status)) ++metrics_.failures;
    return;
  }
  ++metrics_.cleanings;
  metrics_.last_at = SteadyNow();
  spdlog::info(
      "{}-{}: compacted from offset {} to {} in {} ms: {} segments ({:.1f} MiB) became {} "
      "({:.1f} MiB), {} keys, {:.1f} MiB read, {:.1f} MiB written",
      name.topic, name.index.value(), report.from.value(), report.end.value(), took_ms,
      report.segments_before, static_cast<double>(report.bytes_before) / kMiB,
      report.segments_after, static_cast<double>(report.bytes_after) / kMiB, report.keys,
      static_cast<double>(report.bytes_read) / kMiB,
      static_cast<double>(report.bytes_written) / kMiB);
  if (report.unopened_batches > 0) {
    spdlog::warn("{}-{}: {} batches could not be opened and stay as they are", name.topic,
                 name.index.value(), report.unopened_batches);
  }
  if (report.keyless_records > 0) {
    spdlog::warn("{}-{}: {} records without a key were removed", name.topic, name.index.value(),
                 report.keyless_records);
  }
}

}  // namespace millrace::service

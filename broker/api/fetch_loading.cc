#include "broker/api/fetch_loading.h"

#include <algorithm>

namespace millrace::api {

namespace {

// Beside a slice its header walk is looked at, from the index entry before it on.
constexpr int64_t kWalkBytes = 128 << 10;
// Usually it takes the index, the headers and the slice. After that each round looks twice as far,
// so that the walk through a segment whose index is of no use ends.
constexpr int kUsualRounds = 3;
// Who still finds pages missing after so many waits for the disk: they leave as fast as they come.
constexpr int kRoundsMax = 14;

// Empty: nothing.
storage::FileSlice ToLoad(const FetchItem& item) {
  const partition::FetchOutcome& outcome = item.outcome;
  if (outcome.missing.size > 0) return outcome.missing;
  if (outcome.is_resident || outcome.slice.size == 0) return {};
  return {outcome.log, outcome.slice.position, std::min(outcome.slice.size, kLoadedBytesMax)};
}

}  // namespace

std::optional<int64_t> ResidentBytes(const partition::FetchRequest& request, int round) {
  if (round >= kRoundsMax) return std::nullopt;
  const int64_t usual = std::clamp<int64_t>(request.max_bytes, 0, kLoadedBytesMax) + kWalkBytes;
  return usual << std::max(round - kUsualRounds, 0);
}

bool IsCold(const FetchCall& call) {
  return std::any_of(call.items.begin(), call.items.end(),
                     [](const FetchItem& item) { return ToLoad(item).size > 0; });
}

awaitable<void> LoadCold(FetchCall& call, LoadPool::Owner owner) {
  for (FetchItem& item : call.items) {
    storage::FileSlice slice = ToLoad(item);
    if (slice.size == 0) continue;
    using Loaded = partition::Partition::Loaded;
    Loaded what = slice.file == item.outcome.log ? Loaded::kRecords : Loaded::kIndex;
    absl::Status status =
        co_await item.partition->shard().Run(item.partition->Load(std::move(slice), what, owner));
    item.is_unreadable = !status.ok();
  }
}

}  // namespace millrace::api

// Cold reads: what a fetch needs is brought into the page cache before it, what its reader will
// want next beside it, and what everybody has read leaves it again.
#include <algorithm>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "broker/partition/partition.h"

namespace millrace::partition {

namespace {

// Of one file; the rest of what is scattered counts as hot.
constexpr size_t kRangesMax = 64;

// What Linux reads ahead of a file at most where the disk is set up as usual; more only means that
// a shard may begin such a read itself.
constexpr int64_t kKernelAheadBytes = 9 << 20;

// Which parts of the range, in steps of a turn, are not in the page cache.
std::vector<storage::FileSlice> Survey(const storage::FileSlice& range) {
  std::vector<storage::FileSlice> cold;
  const absl::StatusOr<int64_t> size = range.file->Size();
  if (!size.ok()) return cold;  // then nothing will be released
  const int64_t length = std::min(range.size, *size - range.position);
  for (int64_t at = 0; at < length; at += LoadPool::kTurnBytes) {
    const int64_t position = range.position + at;
    const int64_t step = std::min(LoadPool::kTurnBytes, length - at);
    if (range.file->IsResident(position, step)) continue;
    if (!cold.empty() && cold.back().position + cold.back().size == position) {
      cold.back().size += step;
    } else if (cold.size() < kRangesMax) {
      cold.push_back({range.file, position, step});
    }
  }
  return cold;
}

storage::FileSlice FirstPiece(const storage::FileSlice& slice) {
  return {slice.file, slice.position, std::min(slice.size, LoadPool::kTurnBytes)};
}

// The file stays open until it is done.
LoadPool::Work LoadOf(const storage::FileSlice& piece) {
  return [piece] { return piece.file->Load(piece.position, piece.size); };
}

// What the kernel reads with a range included.
bool IsAheadCached(const storage::FileSlice& range) {
  if (!range.file->IsOpen()) return false;
  const absl::StatusOr<int64_t> size = range.file->Size();
  if (!size.ok()) return false;
  const int64_t length = std::min(range.size + kKernelAheadBytes, *size - range.position);
  return range.file->IsCached(range.position, length);
}

void DropFirst(storage::FileSlice& slice, int64_t bytes) {
  slice.position += bytes;
  slice.size -= bytes;
}

}  // namespace

awaitable<absl::Status> Partition::Load(storage::FileSlice slice, Loaded what,
                                        LoadPool::Owner owner) {
  auto self = shared_from_this();
  LoadPool& pool = environment_.load_pool;
  if (what == Loaded::kRecords) co_await SurveyBefore(slice, owner);
  while (slice.size > 0) {
    const storage::FileSlice piece = FirstPiece(slice);
    absl::Status status = co_await pool.Run(owner, LoadOf(piece));
    if (!status.ok()) {
      pool.Count({.errors = 1});
      spdlog::error("{}-{}: records could not be loaded: {}", name_.topic, name_.index.value(),
                    status.ToString());
      co_return status;
    }
    pool.Count({.bytes = static_cast<uint64_t>(piece.size)});
    DropFirst(slice, piece.size);
  }
  co_return absl::OkStatus();
}

// The kernel reads ahead of what is loaded: afterwards nobody can tell what was there before.
awaitable<void> Partition::SurveyBefore(storage::FileSlice slice, LoadPool::Owner owner) {
  const storage::FileSlice asked = cold_readers_.Unknown(slice.file, slice.position);
  if (asked.size == 0) co_return;
  std::vector<storage::FileSlice> cold;
  static_cast<void>(co_await environment_.load_pool.Run(owner, [&] {
    cold = Survey(asked);
    return absl::OkStatus();
  }));
  cold_readers_.OnSurvey(asked, cold, SteadyNow());
}

// A slice that is not resident comes again when it is.
void Partition::FollowReader(const storage::ReadResult& read) {
  if (read.slice.size == 0 || !read.is_resident || failure_ != ErrorCode::kNone) return;
  ColdReaders::Plan plan = cold_readers_.OnRead({read.log, read.slice.position, read.slice.size},
                                                read.is_active, SteadyNow());
  if (plan.ahead.size > 0) ReadAhead(std::move(plan.ahead));
  if (plan.behind.empty()) return;
  uint64_t bytes = 0;
  for (const storage::FileSlice& range : plan.behind) bytes += static_cast<uint64_t>(range.size);
  environment_.load_pool.Count({.released = bytes});
  auto release = [ranges = std::move(plan.behind)] {
    for (const storage::FileSlice& range : ranges) range.file->Release(range.position, range.size);
    return absl::OkStatus();
  };
  environment_.load_pool.Submit(environment_.shard, this, std::move(release),
                                [self = shared_from_this()](const absl::Status&) {});
}

// Where all that comes is in memory, as for a reader of new records, it takes a question and no
// thread's time. Otherwise one turn after the other, also through what is in memory: in it are the
// places at which the kernel reads further ahead, for whoever comes to them first. What it fails to
// load, the fetch that needs it will load. A reader has few of these under way: the next begins
// when it has read half of what the last one brings.
void Partition::ReadAhead(storage::FileSlice range) {
  if (range.size == 0 || IsAheadCached(range)) return;
  const storage::FileSlice piece = FirstPiece(range);
  DropFirst(range, piece.size);
  environment_.load_pool.Submit(
      environment_.shard, this, LoadOf(piece),
      [self = shared_from_this(), piece, range](const absl::Status& status) {
        if (!status.ok() || self->failure_ != ErrorCode::kNone) return;
        self->environment_.load_pool.Count({.bytes = static_cast<uint64_t>(piece.size)});
        self->ReadAhead(range);
      });
}

}  // namespace millrace::partition

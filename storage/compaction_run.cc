#include "storage/compaction_run.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/record/open_batch.h"
#include "storage/batch_walk.h"
#include "storage/segment_swap.h"

namespace millrace::storage {
namespace {

using Bytes = std::span<const std::byte>;

// More are left for the next cleaning: 24 MiB.
constexpr size_t kAbortedMax = size_t{1} << 20;
// What a step of the header walk reads.
constexpr int64_t kHeaderReadBytes = 4096;

absl::StatusOr<std::optional<TransactionMarker>> ReadMarker(const File& file,
                                                            const BatchSpot& spot) {
  std::vector<std::byte> bytes(static_cast<size_t>(spot.size));
  const auto read = file.ReadAt(spot.position, bytes);
  if (!read.ok()) return read.status();
  if (*read < bytes.size() || !record::IsIntact(bytes)) {
    return absl::DataLossError(
        fmt::format("the control batch at offset {} is damaged", spot.base_offset.value()));
  }
  return MarkerOf(bytes);
}

// What is left undone because of the disk is not the log's fault.
bool IsDamage(const absl::Status& status) { return absl::IsDataLoss(status); }

}  // namespace

void CompactionRun::Run() {
  report->status = RunSteps();
  report->is_log_damaged = IsDamage(report->status);
  report->segments_after = static_cast<int64_t>(swapped.size());
  for (const Swapped& swap : swapped) {
    report->segments_before += static_cast<int64_t>(swap.cleaned.replaced.size());
    report->bytes_before += swap.cleaned.bytes_before;
    report->bytes_after += swap.cleaned.segment->size_bytes();
  }
}

absl::Status CompactionRun::RunSteps() {
  if (absl::Status status = WalkTransactions(); !status.ok()) return status;
  std::erase_if(sources,
                [&](const SourceSegment& source) { return source.next_offset > request.limit; });
  rules.covered = rules.dirty_from;
  if (sources.empty() || sources.back().next_offset <= rules.dirty_from) return absl::OkStatus();
  KeyMap keys({.bytes = request.map_bytes,
               .load_factor = request.load_factor,
               .seed = request.seed,
               .keys_max = sources.back().next_offset - rules.dirty_from});
  if (absl::Status status = FillMap(keys); !status.ok()) return status;
  report->keys = static_cast<int64_t>(keys.size());
  if (absl::Status status = CleanCovered(keys); !status.ok()) return status;
  report->end = rules.covered;
  return absl::OkStatus();
}

absl::Status CompactionRun::Pace(int64_t read_bytes, int64_t written_bytes) {
  report->bytes_read += read_bytes;
  report->bytes_written += written_bytes;
  if (!request.pace || request.pace(read_bytes + written_bytes)) return absl::OkStatus();
  return absl::CancelledError("stopped");
}

absl::Status CompactionRun::WalkTransactions() {
  Offset walked_to = rules.dirty_from;
  for (const std::vector<SourceSegment>* part : {&sources, &behind}) {
    for (const SourceSegment& source : *part) {
      if (source.next_offset <= rules.dirty_from) continue;
      if (absl::Status status = WalkSegment(source, walked_to); !status.ok()) return status;
    }
  }
  request.limit = std::min(request.limit, walked_to);
  const std::optional<Offset> open = transactions_.FirstOpen();
  if (open.has_value()) request.limit = std::min(request.limit, *open);
  return absl::OkStatus();
}

absl::Status CompactionRun::WalkSegment(const SourceSegment& source, Offset& walked_to) {
  HeaderWalk walk(*source.files.log, 0, source.size_bytes);
  while (transactions_.aborted_count() < kAbortedMax) {
    const auto spot = walk.Next();
    if (!spot.ok()) return spot.status();
    if (!spot->has_value() || (*spot)->last_offset >= request.limit) return absl::OkStatus();
    absl::Status status = Pace(std::min((*spot)->size, kHeaderReadBytes), 0);
    if (!status.ok()) return status;
    if ((*spot)->last_offset < rules.dirty_from) continue;
    const record::BatchView header = walk.header();
    std::optional<TransactionMarker> marker;
    if (header.is_control() && header.is_transactional()) {
      auto read = ReadMarker(*source.files.log, **spot);
      if (!read.ok()) return read.status();
      marker = *read;
    }
    transactions_.OnBatch(header, marker);
    NoteProducer(header);
    walked_to = (*spot)->last_offset + 1;
  }
  return absl::OkStatus();
}

void CompactionRun::NoteProducer(const record::BatchView& batch) {
  const auto producer = batch.producer();
  if (!producer.has_value() || batch.is_control() || producer->base_sequence < 0) return;
  const auto known = rules.producers.find(producer->id);
  if (known != rules.producers.end()) known->second.last_durable = batch.last_offset();
}

absl::Status CompactionRun::FillMap(KeyMap& keys) {
  bool is_full = false;
  for (const SourceSegment& source : sources) {
    if (source.next_offset <= rules.dirty_from) continue;
    if (absl::Status status = FillFrom(source, keys, is_full); !status.ok()) return status;
    if (is_full) break;
    rules.covered = source.next_offset;
  }
  return absl::OkStatus();
}

absl::Status CompactionRun::FillFrom(const SourceSegment& source, KeyMap& keys, bool& is_full) {
  BatchScan scan(*source.files.log, 0, source.size_bytes, request.buffer_bytes);
  while (!is_full) {
    const int64_t from = scan.position();
    const auto batch = scan.Next();
    if (!batch.ok()) return batch.status();
    if (!batch->has_value()) break;
    if (absl::Status status = Pace(scan.position() - from, 0); !status.ok()) return status;
    is_full = !PutKeys(**batch, keys);
  }
  if (is_full || scan.position() == source.size_bytes) return absl::OkStatus();
  return absl::DataLossError(fmt::format("{}/{}: no intact batch at position {}", write.directory,
                                         SegmentFileName(source.base, kLogSuffix),
                                         scan.position()));
}

// False: the map was full before the record at `rules.covered`.
bool CompactionRun::PutKeys(Bytes batch, KeyMap& keys) {
  const record::BatchView view(batch);
  if (view.last_offset() < rules.dirty_from) return true;
  const auto producer = view.producer();
  const bool is_aborted = view.is_transactional() && producer.has_value() &&
                          transactions_.IsAborted(producer->id, view.last_offset());
  bool has_room = true;
  if (!view.is_control() && !is_aborted) {
    // What cannot be opened supersedes nothing: it stays, and so does what is older.
    record::ForEachRecord(batch, request.opened_bytes_max, [&](const record::RecordView& record) {
      if (!record.key.has_value() || record.offset < rules.dirty_from) return record::Walk::kGoOn;
      has_room = keys.Put(*record.key, record.offset);
      if (has_room) return record::Walk::kGoOn;
      rules.covered = record.offset;
      return record::Walk::kStop;
    }).IgnoreError();
  }
  if (has_room) rules.covered = view.next_offset();
  return has_room;
}

absl::Status CompactionRun::CleanCovered(const KeyMap& keys) {
  rules.now = request.now;
  rules.opened_bytes_max = request.opened_bytes_max;
  BatchCleaner cleaner(keys, transactions_, rules);
  const Progress progress = [this](int64_t read, int64_t written) { return Pace(read, written); };
  absl::Status status;
  size_t next = 0;
  while (status.ok() && next < sources.size() && sources[next].base < rules.covered) {
    auto cleaned = CleanSegments(write, sources, next, cleaner, progress);
    if (!cleaned.ok()) {
      status = cleaned.status();
      RemoveCleanedFiles(*write.fs, write.directory, sources[next].base);
      break;
    }
    next += cleaned->replaced.size();
    status = Swap(*std::move(cleaned));
  }
  report->unopened_batches = cleaner.unopened_batches();
  report->keyless_records = cleaner.keyless_records();
  return status;
}

absl::Status CompactionRun::Pin(Swapped& swap) const {
  for (const SourceSegment& source : sources) {
    const std::vector<Offset>& replaced = swap.cleaned.replaced;
    if (std::find(replaced.begin(), replaced.end(), source.base) == replaced.end()) continue;
    for (const auto& file : {source.files.log, source.files.index, source.files.time_index}) {
      auto pinned = PinFile(file);
      if (!pinned.ok()) return pinned.status();
      swap.pinned.push_back(*std::move(pinned));
    }
  }
  return absl::OkStatus();
}

absl::Status CompactionRun::Rename(Swapped& swap) const {
  const Offset base = swap.cleaned.replaced.front();
  absl::Status status =
      SwapSegments(*write.fs, write.directory, swap.cleaned.replaced, swap.deleted);
  if (!status.ok()) return status;
  // The new files have other names now, by which they can be opened again.
  auto files = OpenSegmentFiles(*write.fs, write.directory, base);
  if (!files.ok()) return files.status();
  swap.cleaned.segment =
      std::make_shared<Segment>(*std::move(files), write.limits, swap.cleaned.segment->AsClosed());
  swap.cleaned.segment->MarkSealed();
  return absl::OkStatus();
}

absl::Status CompactionRun::Swap(CleanedSegment cleaned) {
  if (cleaned.is_same) {
    RemoveCleanedFiles(*write.fs, write.directory, cleaned.replaced.front());
    return absl::OkStatus();
  }
  Swapped swap{.cleaned = std::move(cleaned), .deleted = {}, .pinned = {}};
  if (absl::Status status = Pin(swap); !status.ok()) {
    RemoveCleanedFiles(*write.fs, write.directory, swap.cleaned.replaced.front());
    return status;
  }
  const absl::Status status = Rename(swap);
  if (!status.ok()) {
    report->is_log_unusable = true;
    return status;
  }
  swapped.push_back(std::move(swap));
  return absl::OkStatus();
}

}  // namespace millrace::storage

#include "storage/state_check.h"

#include <algorithm>
#include <utility>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "storage/segment_files.h"

namespace millrace::storage {
namespace {

constexpr int64_t kSnapshotFaultsMax = 5;
constexpr int64_t kSequenceMask = 0x7fffffff;

int32_t LastSequence(const record::BatchView& batch, const record::ProducerStamp& stamp) {
  return static_cast<int32_t>((int64_t{stamp.base_sequence} + batch.last_offset_delta()) &
                              kSequenceMask);
}

}  // namespace

StateCheck::StateCheck(FileSystem& fs, const StateToCheck& state, FindingSink found)
    : state_(state), found_(found) {
  for (const Offset snapshot : state_.snapshots) LoadSnapshot(fs, snapshot);
  std::sort(remembered_.begin(), remembered_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.entry.batch->last_offset, a.snapshot) <
           std::pair(b.entry.batch->last_offset, b.snapshot);
  });
  LoadEpochs(fs);
}

std::string StateCheck::SnapshotPath(Offset offset) const {
  return SegmentFilePath(state_.directory, offset, kSnapshotSuffix);
}

std::string StateCheck::EpochsPath() const {
  return state_.directory + "/" + std::string(kLeaderEpochFile);
}

bool StateCheck::IsDistrusted(Offset offset) const {
  return state_.distrust_from.has_value() && offset >= *state_.distrust_from;
}

void StateCheck::Report(Severity severity, FindingKind kind, std::string path, std::string what) {
  found_({.severity = severity,
          .kind = kind,
          .path = std::move(path),
          .position = std::nullopt,
          .offset = std::nullopt,
          .what = std::move(what)});
}

void StateCheck::LoadSnapshot(FileSystem& fs, Offset offset) {
  const auto bytes = ReadWholeFile(fs, SnapshotPath(offset));
  // A running broker removes and replaces them.
  if (absl::IsNotFound(bytes.status())) return;
  if (!bytes.ok()) {
    Report(Severity::kError, FindingKind::kUnreadable, SnapshotPath(offset),
           std::string(bytes.status().message()));
    return;
  }
  const auto entries = DecodeProducerSnapshot(*bytes);
  if (!entries.ok()) {
    Report(Severity::kError, FindingKind::kProducerSnapshot, SnapshotPath(offset),
           std::string(entries.status().message()));
    return;
  }
  for (const ProducerSnapshotEntry& entry : *entries) {
    if (!entry.batch.has_value()) continue;
    if (entry.batch->last_offset < offset) {
      remembered_.push_back({.entry = entry, .snapshot = offset});
      continue;
    }
    Report(Severity::kError, FindingKind::kProducerSnapshot, SnapshotPath(offset),
           fmt::format("producer {} has a batch that ends with offset {}, beyond the snapshot",
                       entry.id.value(), entry.batch->last_offset.value()));
  }
}

void StateCheck::LoadEpochs(FileSystem& fs) {
  const auto text = ReadWholeFile(fs, EpochsPath());
  if (absl::IsNotFound(text.status())) {
    epochs_missing_ = true;
    return;
  }
  if (!text.ok()) {
    Report(Severity::kError, FindingKind::kUnreadable, EpochsPath(),
           std::string(text.status().message()));
    return;
  }
  auto epochs = LeaderEpochs::Decode(*text);
  if (epochs.ok()) {
    epochs_ = *std::move(epochs);
  } else {
    Report(Severity::kError, FindingKind::kLeaderEpoch, EpochsPath(),
           std::string(epochs.status().message()));
  }
}

void StateCheck::OnBatch(const record::BatchView& batch) {
  CheckEpoch(batch);
  for (; next_remembered_ < remembered_.size(); ++next_remembered_) {
    const Remembered& remembered = remembered_[next_remembered_];
    if (remembered.entry.batch->last_offset > batch.last_offset()) break;
    // Of what retention, compaction or damage took away nothing can be said.
    if (remembered.entry.batch->last_offset < batch.base_offset()) continue;
    CheckRemembered(remembered, batch);
  }
}

void StateCheck::CheckRemembered(const Remembered& remembered, const record::BatchView& batch) {
  const ProducerSnapshotEntry& entry = remembered.entry;
  const auto stamp = batch.producer();
  const bool agrees = stamp.has_value() && stamp->id == entry.id && stamp->epoch == entry.epoch &&
                      batch.last_offset() == entry.batch->last_offset &&
                      LastSequence(batch, *stamp) == entry.batch->last_sequence;
  if (agrees || ++snapshot_faults_ > kSnapshotFaultsMax) return;
  Report(Severity::kError, FindingKind::kProducerSnapshot, SnapshotPath(remembered.snapshot),
         fmt::format("producer {} (epoch {}) is said to have written sequence {} at offset {}, but "
                     "the batch there says otherwise",
                     entry.id.value(), entry.epoch.value(), entry.batch->last_sequence,
                     entry.batch->last_offset.value()));
}

void StateCheck::CheckEpoch(const record::BatchView& batch) {
  const LeaderEpoch epoch = batch.leader_epoch();
  const Offset offset = batch.base_offset();
  const bool goes_back = last_epoch_.has_value() && epoch < *last_epoch_;
  std::string what;
  if (epochs_.has_value()) what = DiffersFromCheckpoint(epoch, offset);
  if (what.empty() && goes_back) {
    what = fmt::format("a batch of leader epoch {} follows one of epoch {}", epoch.value(),
                       last_epoch_->value());
  }
  if (!what.empty() && !std::exchange(epochs_disagree_, true)) {
    found_({.severity = Severity::kError,
            .kind = FindingKind::kLeaderEpoch,
            .path = state_.directory,
            .position = std::nullopt,
            .offset = offset,
            .what = std::move(what)});
  }
  // Below 0 are batches that no leader stamped.
  if (epoch.value() >= 0) last_epoch_ = epoch;
}

std::string StateCheck::DiffersFromCheckpoint(LeaderEpoch epoch, Offset offset) const {
  const std::optional<LeaderEpoch> expected = epochs_->EpochAt(offset);
  if (!expected.has_value()) {
    const bool may_lag = state_.distrust_from.has_value() || !state_.log_start.has_value();
    if (may_lag || offset < *state_.log_start || epoch.value() < 0) return {};
    return fmt::format("a batch has leader epoch {}, but {} knows of none there", epoch.value(),
                       kLeaderEpochFile);
  }
  // The file may be older than the batches that were appended last.
  const bool is_new = IsDistrusted(offset) && epoch > *epochs_->latest();
  if (epoch == *expected || is_new) return {};
  return fmt::format("a batch has leader epoch {}, but by {} it is {} there", epoch.value(),
                     kLeaderEpochFile, expected->value());
}

void StateCheck::OnEnd(Offset log_end) {
  const Severity severity = state_.distrust_from.has_value() ? Severity::kNotice : Severity::kError;
  for (const Offset snapshot : state_.snapshots) {
    if (snapshot <= log_end) continue;
    Report(severity, FindingKind::kProducerSnapshot, SnapshotPath(snapshot),
           fmt::format("lies beyond the log's end {}; the next start removes it", log_end.value()));
  }
  if (epochs_missing_ && last_epoch_.has_value()) {
    Report(Severity::kNotice, FindingKind::kMissingFile, EpochsPath(),
           "is missing; the next start rebuilds it");
  }
  if (!epochs_.has_value()) return;
  for (const LeaderEpochs::Entry& entry : epochs_->entries()) {
    if (entry.start <= log_end) continue;
    Report(severity, FindingKind::kLeaderEpoch, EpochsPath(),
           fmt::format("epoch {} starts at offset {}, beyond the log's end {}", entry.epoch.value(),
                       entry.start.value(), log_end.value()));
  }
}

}  // namespace millrace::storage

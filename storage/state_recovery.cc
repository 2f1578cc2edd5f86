#include "storage/state_recovery.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <absl/status/status.h>

#include "storage/batch_walk.h"
#include "storage/segment_files.h"

namespace millrace::storage {
namespace {

// A part of the state and the offset from which on batches must be replayed into it.
template <class T>
struct Loaded {
  T state;
  Offset replay_from;
};

absl::StatusOr<Loaded<ProducerState>> LoadProducers(FileSystem& fs, const std::string& directory,
                                                    const std::vector<Offset>& snapshots,
                                                    Offset log_start) {
  for (auto offset = snapshots.rbegin(); offset != snapshots.rend(); ++offset) {
    const auto bytes = ReadWholeFile(fs, SegmentFilePath(directory, *offset, kSnapshotSuffix));
    if (!bytes.ok()) return bytes.status();
    auto producers = ProducerState::DecodeSnapshot(*bytes);
    if (producers.ok()) return Loaded<ProducerState>{*std::move(producers), *offset};
  }
  return Loaded<ProducerState>{{}, log_start};
}

absl::StatusOr<Loaded<LeaderEpochs>> LoadEpochs(FileSystem& fs, const std::string& directory,
                                                const StateBounds& bounds, std::string& text) {
  const Loaded<LeaderEpochs> nothing{{}, bounds.log_start};
  auto read = ReadWholeFile(fs, directory + "/" + std::string(kLeaderEpochFile));
  if (absl::IsNotFound(read.status())) return nothing;
  if (!read.ok()) return read.status();
  text = *std::move(read);
  auto epochs = LeaderEpochs::Decode(text);
  if (!epochs.ok()) return nothing;
  epochs->TruncateFromEnd(bounds.distrust_from);
  return Loaded<LeaderEpochs>{*std::move(epochs), bounds.distrust_from};
}

// Replays the headers of what the loaded parts do not cover.
absl::Status Replay(const std::vector<std::shared_ptr<Segment>>& segments,
                    Loaded<ProducerState>& producers, Loaded<LeaderEpochs>& epochs) {
  const Offset from = std::min(producers.replay_from, epochs.replay_from);
  for (const auto& segment : segments) {
    if (segment->next_offset() <= from) continue;
    int64_t position = 0;
    if (from > segment->base()) {
      const auto spot = segment->Locate(from);
      if (!spot.ok()) return spot.status();
      if (!spot->has_value()) continue;
      position = (*spot)->position;
    }
    HeaderWalk walk(*segment->files().log, position, segment->size_bytes());
    while (true) {
      const auto spot = walk.Next();
      if (!spot.ok()) return spot.status();
      if (!spot->has_value()) break;
      const record::BatchView batch = walk.header();
      if (batch.base_offset() >= producers.replay_from) producers.state.Update(batch);
      if (batch.base_offset() >= epochs.replay_from) {
        epochs.state.Assign(batch.leader_epoch(), batch.base_offset());
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RecoveredState> RecoverState(FileSystem& fs, const std::string& directory,
                                            const std::vector<std::shared_ptr<Segment>>& segments,
                                            const std::vector<Offset>& snapshots,
                                            const StateBounds& bounds) {
  const Offset first = segments.front()->base();
  auto producers = LoadProducers(fs, directory, snapshots, first);
  if (!producers.ok()) return producers.status();
  std::string checkpoint;
  auto epochs = LoadEpochs(fs, directory,
                           {.log_start = first, .distrust_from = bounds.distrust_from}, checkpoint);
  if (!epochs.ok()) return epochs.status();
  if (absl::Status status = Replay(segments, *producers, *epochs); !status.ok()) return status;
  epochs->state.TruncateFromStart(bounds.log_start);
  std::string text = epochs->state.Encode();
  if (text != checkpoint && !(checkpoint.empty() && epochs->state.entries().empty())) {
    const std::string path = directory + "/" + std::string(kLeaderEpochFile);
    if (absl::Status status = ReplaceFile(fs, path, text); !status.ok()) return status;
  }
  return RecoveredState{.producers = std::move(producers->state),
                        .epochs = std::move(epochs->state)};
}

}  // namespace millrace::storage

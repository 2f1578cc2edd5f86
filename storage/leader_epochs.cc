#include "storage/leader_epochs.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "storage/checkpoint_text.h"

namespace millrace::storage {

bool LeaderEpochs::Assign(LeaderEpoch epoch, Offset offset) {
  if (epoch.value() < 0) return false;
  if (!entries_.empty() && epoch <= entries_.back().epoch) return false;
  // An epoch that began where this one begins wrote nothing.
  TruncateFromEnd(offset);
  entries_.push_back({epoch, offset});
  return true;
}

std::optional<LeaderEpoch> LeaderEpochs::latest() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.back().epoch;
}

std::optional<LeaderEpochs::End> LeaderEpochs::EndOf(LeaderEpoch epoch, Offset log_end) const {
  const auto next =
      std::upper_bound(entries_.begin(), entries_.end(), epoch,
                       [](LeaderEpoch e, const Entry& entry) { return e < entry.epoch; });
  if (next == entries_.begin()) return std::nullopt;
  return End{std::prev(next)->epoch, next == entries_.end() ? log_end : next->start};
}

std::optional<LeaderEpoch> LeaderEpochs::EpochAt(Offset offset) const {
  const auto next = std::upper_bound(entries_.begin(), entries_.end(), offset,
                                     [](Offset o, const Entry& entry) { return o < entry.start; });
  if (next == entries_.begin()) return std::nullopt;
  return std::prev(next)->epoch;
}

void LeaderEpochs::TruncateFromEnd(Offset end) {
  while (!entries_.empty() && entries_.back().start >= end) entries_.pop_back();
}

void LeaderEpochs::TruncateFromStart(Offset start) {
  const auto next = std::upper_bound(entries_.begin(), entries_.end(), start,
                                     [](Offset o, const Entry& entry) { return o < entry.start; });
  if (next == entries_.begin()) return;
  entries_.erase(entries_.begin(), std::prev(next));
  entries_.front().start = start;
}

std::string LeaderEpochs::Encode() const {
  std::string out = CheckpointHeader(entries_.size());
  for (const Entry& entry : entries_) {
    out += fmt::format("{} {}\n", entry.epoch.value(), entry.start.value());
  }
  return out;
}

absl::StatusOr<LeaderEpochs> LeaderEpochs::Decode(std::string_view text) {
  CheckpointReader reader(text);
  if (absl::Status header = reader.ReadHeader(); !header.ok()) return header;
  LeaderEpochs epochs;
  while (reader.HasEntry()) {
    const absl::StatusOr<std::vector<std::string_view>> fields = reader.NextEntry(2);
    if (!fields.ok()) return fields.status();
    const auto epoch = ParseNumber<int32_t>((*fields)[0]);
    const auto start = ParseNumber<int64_t>((*fields)[1]);
    if (!epoch || !start) return reader.Fault("is not <epoch> <start offset>");
    if (!epochs.entries_.empty() && (LeaderEpoch(*epoch) <= epochs.entries_.back().epoch ||
                                     Offset(*start) <= epochs.entries_.back().start)) {
      return reader.Fault("does not ascend");
    }
    epochs.entries_.push_back({LeaderEpoch(*epoch), Offset(*start)});
  }
  if (absl::Status end = reader.CheckEnd(); !end.ok()) return end;
  return epochs;
}

}  // namespace millrace::storage

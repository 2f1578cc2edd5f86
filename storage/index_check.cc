#include "storage/index_check.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "storage/index_file.h"

namespace millrace::storage {
namespace {

constexpr int64_t kPhrasesMax = 5;

}  // namespace

std::vector<OffsetIndex::Entry> DecodeOffsetIndex(std::span<const std::byte> bytes, Offset base) {
  std::vector<OffsetIndex::Entry> entries;
  entries.reserve(bytes.size() / OffsetIndex::kEntryBytes);
  for (; bytes.size() >= OffsetIndex::kEntryBytes;
       bytes = bytes.subspan(OffsetIndex::kEntryBytes)) {
    entries.push_back({.offset = base + LoadBig<int32_t>(bytes.data()),
                       .position = LoadBig<int32_t>(bytes.data() + 4)});
  }
  return entries;
}

std::vector<TimeIndex::Entry> DecodeTimeIndex(std::span<const std::byte> bytes, Offset base) {
  std::vector<TimeIndex::Entry> entries;
  entries.reserve(bytes.size() / TimeIndex::kEntryBytes);
  for (; bytes.size() >= TimeIndex::kEntryBytes; bytes = bytes.subspan(TimeIndex::kEntryBytes)) {
    entries.push_back({.timestamp = TimestampMs(LoadBig<int64_t>(bytes.data())),
                       .offset = base + LoadBig<int32_t>(bytes.data() + 8)});
  }
  return entries;
}

void IndexFaults::CheckSize(IndexReport report) {
  const size_t extra = bytes_ % entry_bytes_;
  if (extra == 0) return;
  Report(bytes_ / entry_bytes_,
         fmt::format("{} bytes at the end are no whole entry of {}", extra, entry_bytes_), report);
}

void IndexFaults::Report(size_t entry, std::string what, IndexReport report) {
  ++count_;
  if (count_ > kPhrasesMax) return;
  if (count_ == kPhrasesMax) what += " (and perhaps more, which are not listed)";
  report(static_cast<int64_t>(entry * entry_bytes_), std::move(what));
}

OffsetIndexCheck::OffsetIndexCheck(std::span<const std::byte> bytes, Offset base)
    : faults_(bytes.size(), OffsetIndex::kEntryBytes), entries_(DecodeOffsetIndex(bytes, base)) {}

// What stands behind an entry that does not ascend is not compared with the batches.
void OffsetIndexCheck::CheckOrder(IndexReport report) {
  if (std::exchange(begun_, true)) return;
  faults_.CheckSize(report);
  for (size_t i = 1; i < entries_.size(); ++i) {
    const auto& before = entries_[i - 1];
    const auto& entry = entries_[i];
    if (entry.offset > before.offset && entry.position > before.position) continue;
    faults_.Report(i,
                   fmt::format("entry {} (offset {}, position {}) does not ascend from the one "
                               "before it (offset {}, position {})",
                               i, entry.offset.value(), entry.position, before.offset.value(),
                               before.position),
                   report);
    entries_.resize(i);
  }
}

void OffsetIndexCheck::OnBatch(const BatchSpot& batch, IndexReport report) {
  CheckOrder(report);
  for (; next_ < entries_.size() && entries_[next_].position <= batch.position; ++next_) {
    const OffsetIndex::Entry& entry = entries_[next_];
    if (entry.position < batch.position) {
      faults_.Report(
          next_,
          fmt::format("entry {} (offset {}) points to position {}, where no batch begins", next_,
                      entry.offset.value(), entry.position),
          report);
    } else if (entry.offset != batch.last_offset) {
      faults_.Report(
          next_,
          fmt::format("entry {} says that the batch at position {} ends with offset {}, "
                      "but it ends with {}",
                      next_, entry.position, entry.offset.value(), batch.last_offset.value()),
          report);
    }
  }
}

void OffsetIndexCheck::SkipTo(int64_t position) {
  while (next_ < entries_.size() && entries_[next_].position < position) ++next_;
}

void OffsetIndexCheck::OnEnd(IndexReport report) {
  CheckOrder(report);
  for (; next_ < entries_.size(); ++next_) {
    faults_.Report(next_,
                   fmt::format("entry {} (offset {}) points to position {}, at or beyond the last "
                               "batch's end",
                               next_, entries_[next_].offset.value(), entries_[next_].position),
                   report);
  }
}

TimeIndexCheck::TimeIndexCheck(std::span<const std::byte> bytes, Offset base)
    : faults_(bytes.size(), TimeIndex::kEntryBytes), entries_(DecodeTimeIndex(bytes, base)) {}

void TimeIndexCheck::CheckOrder(IndexReport report) {
  if (std::exchange(begun_, true)) return;
  faults_.CheckSize(report);
  for (size_t i = 1; i < entries_.size(); ++i) {
    const auto& before = entries_[i - 1];
    const auto& entry = entries_[i];
    if (entry.offset > before.offset && entry.timestamp > before.timestamp) continue;
    faults_.Report(i,
                   fmt::format("entry {} (timestamp {}, offset {}) does not ascend from the one "
                               "before it (timestamp {}, offset {})",
                               i, entry.timestamp.value(), entry.offset.value(),
                               before.timestamp.value(), before.offset.value()),
                   report);
    entries_.resize(i);
  }
}

void TimeIndexCheck::OnBatch(const BatchSpot& batch, IndexReport report) {
  CheckOrder(report);
  newest_ = std::max(newest_.value_or(batch.max_timestamp), batch.max_timestamp);
  for (; next_ < entries_.size() && entries_[next_].offset <= batch.last_offset; ++next_) {
    const TimeIndex::Entry& entry = entries_[next_];
    if (entry.timestamp < *newest_) {
      faults_.Report(
          next_,
          fmt::format("entry {} says that nothing up to offset {} is newer than {}, but "
                      "there is {}",
                      next_, entry.offset.value(), entry.timestamp.value(), newest_->value()),
          report);
    } else if (entry.timestamp != batch.max_timestamp) {
      faults_.Report(
          next_,
          fmt::format("entry {} says that the batch with offset {} has timestamp {}, but "
                      "its newest is {}",
                      next_, entry.offset.value(), entry.timestamp.value(),
                      batch.max_timestamp.value()),
          report);
    }
  }
}

void TimeIndexCheck::SkipTo(Offset offset) {
  while (next_ < entries_.size() && entries_[next_].offset < offset) ++next_;
}

void TimeIndexCheck::OnEnd(bool sealed, IndexReport report) {
  CheckOrder(report);
  for (; next_ < entries_.size(); ++next_) {
    faults_.Report(
        next_,
        fmt::format("entry {} (timestamp {}) is about offset {}, beyond the last batch", next_,
                    entries_[next_].timestamp.value(), entries_[next_].offset.value()),
        report);
  }
  if (!sealed || faults_.count() > 0 || !newest_.has_value() || newest_->value() < 0) return;
  const bool complete = !entries_.empty() && entries_.back().timestamp >= *newest_;
  if (complete) return;
  faults_.Report(entries_.size(),
                 fmt::format("the last entry, for the segment's newest timestamp {}, is missing",
                             newest_->value()),
                 report);
}

}  // namespace millrace::storage

#include "storage/index_file.h"

#include <algorithm>
#include <utility>

#include "proto/invariant.h"

namespace millrace::storage {

absl::Status IndexWrite::Run() const {
  if (!bytes.empty()) {
    if (absl::Status status = file->WriteAt(position, bytes); !status.ok()) return status;
  }
  return file->Truncate(position + static_cast<int64_t>(bytes.size()));
}

IndexFile::IndexFile(std::shared_ptr<File> file, size_t entry_bytes, int64_t entries,
                     int64_t entries_max)
    : file_(std::move(file)),
      entry_bytes_(entry_bytes),
      entries_max_(entries_max),
      written_(entries) {
  INVARIANT(entry_bytes_ > 0);
  INVARIANT(entry_bytes_ <= read_.size());
  INVARIANT(entries >= 0);
}

void IndexFile::Append(std::span<const std::byte> entry) {
  INVARIANT(entry.size() == entry_bytes_);
  if (memory_.capacity() == 0) memory_.reserve(static_cast<size_t>(kFirst) * entry_bytes_);
  memory_.insert(memory_.end(), entry.begin(), entry.end());
}

absl::Status IndexFile::WriteGathered() {
  if (InMemory() < kGathered) return absl::OkStatus();
  const auto unwritten = std::span(memory_).subspan(static_cast<size_t>(overlap_) * entry_bytes_);
  const int64_t position = written_ * static_cast<int64_t>(entry_bytes_);
  if (absl::Status status = file_->WriteAt(position, unwritten); !status.ok()) return status;
  Written(size());
  return absl::OkStatus();
}

IndexWrite IndexFile::Unwritten() const {
  const auto unwritten = std::span(memory_).subspan(static_cast<size_t>(overlap_) * entry_bytes_);
  return {.file = file_,
          .position = written_ * static_cast<int64_t>(entry_bytes_),
          .bytes = {unwritten.begin(), unwritten.end()}};
}

void IndexFile::Written(int64_t entries) {
  INVARIANT(entries >= written_);
  INVARIANT(entries <= size());
  overlap_ += entries - written_;
  written_ = entries;
  if (overlap_ <= kKept) return;
  const int64_t dropped = overlap_ - kKept;
  memory_.erase(memory_.begin(), memory_.begin() + dropped * static_cast<int64_t>(entry_bytes_));
  overlap_ = kKept;
}

void IndexFile::ReleaseMemory() {
  INVARIANT(overlap_ == InMemory());
  memory_ = {};
  overlap_ = 0;
  mapping_.reset();
}

absl::StatusOr<const std::byte*> IndexFile::EntryAt(int64_t index) const {
  INVARIANT(index >= 0);
  INVARIANT(index < size());
  if (index >= memory_begin()) {
    return memory_.data() + static_cast<size_t>(index - memory_begin()) * entry_bytes_;
  }
  const absl::Status mapped = EnsureMapped();
  if (absl::IsResourceExhausted(mapped)) return ReadEntry(index);
  if (!mapped.ok()) return mapped;
  mapping_used_ = true;
  return mapping_->data() + static_cast<size_t>(index) * entry_bytes_;
}

absl::StatusOr<const std::byte*> IndexFile::ReadEntry(int64_t index) const {
  const auto entry = std::span(read_).first(entry_bytes_);
  const auto read = file_->ReadAt(index * static_cast<int64_t>(entry_bytes_), entry);
  if (!read.ok()) return read.status();
  if (*read < entry.size()) return absl::DataLossError("an index is shorter than it was");
  return entry.data();
}

void IndexFile::ReleaseIdleMapping() {
  if (!mapping_used_) mapping_.reset();
  mapping_used_ = false;
}

absl::Status IndexFile::EnsureMapped() const {
  if (mapping_ != nullptr && mapped_entries_ >= memory_begin()) return absl::OkStatus();
  // An index that still grows is mapped once, up to where it may grow.
  const int64_t entries = memory_.empty() ? written_ : std::max(entries_max_, written_);
  auto mapping = file_->Map(entries * static_cast<int64_t>(entry_bytes_));
  if (!mapping.ok()) return mapping.status();
  mapping_ = *std::move(mapping);
  mapped_entries_ = entries;
  return absl::OkStatus();
}

}  // namespace millrace::storage

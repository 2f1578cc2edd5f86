// A file of fixed-size entries that only ever grows at its end: what .index and .timeindex share.
//
// The newest entries stand in memory until they are written; look-ups below them read the file
// through a mapping that the first such look-up makes, or entry by entry where nothing more can be
// mapped. One thread (the log's); an IndexWrite may be
// carried out on any other. Indexes are caches of the log (docs/formats/log.md): a caller must
// check what a look-up gave it against the batch it points to.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "storage/file_system.h"

namespace millrace::storage {

template <std::signed_integral T>
T LoadBig(const std::byte* at) {
  std::make_unsigned_t<T> value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<std::make_unsigned_t<T>>((uint64_t{value} << 8) |
                                                 std::to_integer<uint64_t>(at[i]));
  }
  return static_cast<T>(value);
}

template <std::signed_integral T>
void StoreBig(std::byte* at, T value) {
  const auto bits = static_cast<uint64_t>(value);
  for (size_t i = 0; i < sizeof(T); ++i) {
    at[i] = static_cast<std::byte>((bits >> (8 * (sizeof(T) - 1 - i))) & 0xff);
  }
}

// Entries on their way to the file; Run() may be called on any thread.
struct IndexWrite {
  std::shared_ptr<File> file;
  int64_t position = 0;
  std::vector<std::byte> bytes;

  // Writes the entries and cuts what stands behind them (preallocation, an older index).
  absl::Status Run() const;
};

class IndexFile {
 public:
  // `entries` of them stand in the file already and are trusted; `entries_max` bounds the mapping.
  IndexFile(std::shared_ptr<File> file, size_t entry_bytes, int64_t entries, int64_t entries_max);

  int64_t size() const { return written_ + InMemory() - overlap_; }
  const std::shared_ptr<File>& file() const { return file_; }
  // What a look-up may read of the file.
  int64_t written_bytes() const { return written_ * static_cast<int64_t>(entry_bytes_); }

  void Append(std::span<const std::byte> entry);
  // Writes when many entries have gathered in memory. After an error they are kept for the next
  // try.
  absl::Status WriteGathered();
  // What the file lacks, and the news that it was written: Written(size() of that moment).
  IndexWrite Unwritten() const;
  void Written(int64_t entries);
  // Gives memory and mapping back. Precondition: everything is written.
  void ReleaseMemory();
  // Gives the mapping back when no look-up has used it since the last call.
  void ReleaseIdleMapping();

  // Valid until the next call.
  absl::StatusOr<const std::byte*> EntryAt(int64_t index) const;
  // How many entries from the start on satisfy `holds`, which must be true for a prefix of them.
  template <class Predicate>
  absl::StatusOr<int64_t> PrefixWhere(Predicate holds) const;

 private:
  // Entries kept in memory after they were written, and how many gather before they are.
  static constexpr int64_t kKept = 128;
  static constexpr int64_t kGathered = 256;
  // Room for so many comes with the first: most of many partitions' segments stay small.
  static constexpr int64_t kFirst = 8;

  int64_t InMemory() const { return static_cast<int64_t>(memory_.size() / entry_bytes_); }
  int64_t memory_begin() const { return written_ - overlap_; }
  absl::Status EnsureMapped() const;
  absl::StatusOr<const std::byte*> ReadEntry(int64_t index) const;

  std::shared_ptr<File> file_;
  size_t entry_bytes_;
  int64_t entries_max_;
  int64_t written_;      // entries that stand in the file
  int64_t overlap_ = 0;  // of these, how many at the end stand in memory too
  std::vector<std::byte> memory_;
  mutable std::unique_ptr<MappedRegion> mapping_;
  mutable int64_t mapped_entries_ = 0;
  mutable bool mapping_used_ = false;
  mutable std::array<std::byte, 16> read_{};  // an entry that was read without a mapping
};

template <class Predicate>
absl::StatusOr<int64_t> IndexFile::PrefixWhere(Predicate holds) const {
  int64_t low = 0;
  int64_t high = size();
  if (high > memory_begin()) {
    const bool in_memory = holds(memory_.data());
    (in_memory ? low : high) = memory_begin() + (in_memory ? 1 : 0);
  }
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    const absl::StatusOr<const std::byte*> entry = EntryAt(middle);
    if (!entry.ok()) return entry.status();
    if (holds(*entry)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace millrace::storage

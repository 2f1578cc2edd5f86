// The sparse time index of a segment (.timeindex): pairs (timestamp, offset) that say "no record up
// to this offset is newer than this timestamp", both strictly increasing.
//
// One thread (the log's), except that an IndexWrite runs anywhere. No call blocks but a look-up
// that touches pages of the file which are not resident. Format: docs/formats/log.md (12 bytes:
// int64 timestamp, int32 offset relative to the base offset: the last offset of the batch that
// holds the timestamp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/index_file.h"

namespace millrace::storage {

class TimeIndex {
 public:
  static constexpr size_t kEntryBytes = 12;
  struct Entry {
    TimestampMs timestamp;
    Offset offset;  // the last offset of the batch
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // An index whose file holds `entries` entries that may be used, of which `last` is the last.
  TimeIndex(std::shared_ptr<File> file, Offset base, int64_t entries, std::optional<Entry> last,
            int64_t bytes_max);

  struct Usable {
    int64_t entries = 0;
    std::optional<Entry> last;
  };
  // What the file holds when it could be a time index; none when it must be rebuilt (its size or
  // its last entry is impossible).
  static absl::StatusOr<std::optional<Usable>> UsableEntries(const File& file, Offset base);

  // Appends when both are greater than the last entry's.
  void MaybeAppend(const Entry& entry);
  // One entry is left for the seal.
  bool is_full() const { return entries_.size() >= entries_max_ - 1; }
  // The last entry whose timestamp is < `target`: what may be as new comes after its offset.
  absl::StatusOr<std::optional<Entry>> Below(TimestampMs target) const;
  // The last entry whose offset is < `limit`.
  absl::StatusOr<std::optional<Entry>> BeforeOffset(Offset limit) const;
  const std::optional<Entry>& last() const { return last_; }

  IndexFile& entries() { return entries_; }
  const IndexFile& entries() const { return entries_; }

 private:
  static Entry Decode(const std::byte* bytes, Offset base);
  template <class Predicate>
  absl::StatusOr<std::optional<Entry>> LastWhere(Predicate holds) const;

  Offset base_;
  int64_t entries_max_;
  std::optional<Entry> last_;
  IndexFile entries_;
};

}  // namespace millrace::storage

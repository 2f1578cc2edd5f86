// The sparse offset index of a segment (.index): for some batches, the batch's last offset and
// where in the log file the batch starts.
//
// One thread (the log's), except that an IndexWrite runs anywhere. No call blocks but a look-up
// that touches pages of the file which are not resident. Format: docs/formats/log.md (8 bytes:
// int32 offset relative to the base offset, int32 position).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/index_file.h"

namespace millrace::storage {

class OffsetIndex {
 public:
  static constexpr size_t kEntryBytes = 8;
  struct Entry {
    Offset offset;     // the last offset of the batch
    int64_t position;  // where the batch starts
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // An index whose file holds `entries` entries that may be used; the rest of the file is ignored.
  OffsetIndex(std::shared_ptr<File> file, Offset base, int64_t entries, int64_t bytes_max);

  struct Usable {
    int64_t entries = 0;
    std::optional<Entry> last;
  };
  // What the file holds when it could be the index of a log file of `log_bytes` bytes; none when it
  // must be rebuilt (its size or its last entry is impossible).
  static absl::StatusOr<std::optional<Usable>> UsableEntries(const File& file, Offset base,
                                                             int64_t log_bytes);

  // Precondition: both numbers are greater than those of the last entry.
  void Append(const Entry& entry);
  bool is_full() const { return entries_.size() >= entries_max_; }
  // The last entry whose offset is <= `target`.
  absl::StatusOr<std::optional<Entry>> Floor(Offset target) const;

  IndexFile& entries() { return entries_; }
  const IndexFile& entries() const { return entries_; }

 private:
  static Entry Decode(const std::byte* bytes, Offset base);

  Offset base_;
  int64_t entries_max_;
  IndexFile entries_;
};

}  // namespace millrace::storage

// Who reads a partition's log from the disk, and what was loaded for them: which bytes the next
// fetches will want, and which have been read by everybody and may leave the page cache.
//
// A reader is known by its place: a fetch that begins in the slice of the one before, or at its
// end, comes from the same reader. When the first of them comes to a file, it is written down what
// was not in the page cache then; only that is ever given back, and only when every reader known to
// be in the file has passed it.
//
// Pure bookkeeping, for the partition's shard; no file is kept open by it. Empty, and nothing to
// look at, while all that is read is in memory. Holds few entries: whoever has not read for long is
// forgotten.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/runtime/clock.h"
#include "storage/file_system.h"

namespace millrace::partition {

class ColdReaders {
 public:
  bool empty() const { return files_.empty() && readers_.empty(); }

  // The range of a file of which it must be written down what is in memory before anything at
  // `position` is loaded; empty: it is known. It may reach beyond the file's end.
  using FilePtr = std::shared_ptr<const storage::File>;
  storage::FileSlice Unknown(const FilePtr& file, int64_t position) const;
  // The parts of such a range that were not in memory.
  void OnSurvey(const storage::FileSlice& asked, const std::vector<storage::FileSlice>& cold,
                MonotonicMs now);

  // What should be done when a slice goes to its reader.
  struct Plan {
    storage::FileSlice ahead;                // to be loaded; may be empty or reach beyond the file
    std::vector<storage::FileSlice> behind;  // to be released
  };
  // `is_active`: of the segment that is appended to, whose pages stay.
  Plan OnRead(const storage::FileSlice& slice, bool is_active, MonotonicMs now);

 private:
  using FileRef = std::weak_ptr<const storage::File>;
  struct Reader {
    FileRef file;
    int64_t begin = 0;  // of the last slice
    int64_t end = 0;
    int64_t window = 0;    // how far to read ahead; 0: not known to be sequential
    int64_t ahead_to = 0;  // up to where that was asked for
    MonotonicMs last;
  };
  struct Range {
    int64_t begin;
    int64_t end;
  };
  // A file that is, or was, read from the disk.
  struct ColdFile {
    FileRef file;
    int64_t known_from;       // from there on it is known what was in memory
    int64_t touched_to = 0;   // nothing was loaded beyond
    std::vector<Range> cold;  // what was not, and has not been released
    MonotonicMs last;
  };

  static bool IsSame(const FileRef& a, const FileRef& b) {
    return !a.owner_before(b) && !b.owner_before(a);
  }
  void Forget(MonotonicMs now);
  Reader& ReaderOf(const storage::FileSlice& slice, MonotonicMs now);
  // Null: nothing of it was loaded.
  ColdFile* Find(const FileRef& file);
  static storage::FileSlice Ahead(Reader& reader);
  std::vector<storage::FileSlice> TakePassed(const FileRef* active, MonotonicMs now);
  int64_t FirstInUse(const ColdFile& file, MonotonicMs now) const;

  std::vector<Reader> readers_;
  std::vector<ColdFile> files_;
};

}  // namespace millrace::partition

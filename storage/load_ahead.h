// Has a file loaded into the page cache a little ahead of who reads it from end to end, by threads
// that the owner of the hook knows: disk and processor then work at the same time.
//
// One thread; hands the file on by shared ownership, for a load may end after its reader did.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "storage/file_system.h"

namespace millrace::storage {

// Asked to load the range soon, in the order of the calls; must not block. What fails is not
// reported: whoever reads the range sees it. Null: nothing is loaded ahead.
using LoadHook =
    std::function<void(std::shared_ptr<const File> file, int64_t position, int64_t length)>;

class LoadAhead {
 public:
  // So much is asked for at a time, and up to so far before the reader.
  static constexpr int64_t kPieceBytes = 4 << 20;
  static constexpr int64_t kAheadBytes = 32 << 20;

  LoadAhead(const LoadHook& hook, std::shared_ptr<const File> file, int64_t end);

  // The reader has come to this position.
  void Reached(int64_t position) {
    if (position + kAheadBytes - kPieceBytes >= asked_) Ask(position);
  }

 private:
  void Ask(int64_t position);

  const LoadHook& hook_;
  std::shared_ptr<const File> file_;
  int64_t end_;  // where the hook is of no use: its beginning
  int64_t asked_ = 0;
};

}  // namespace millrace::storage

#include "storage/load_ahead.h"

#include <algorithm>
#include <utility>

namespace millrace::storage {

LoadAhead::LoadAhead(const LoadHook& hook, std::shared_ptr<const File> file, int64_t end)
    : hook_(hook), file_(std::move(file)), end_(hook ? end : 0) {}

void LoadAhead::Ask(int64_t position) {
  // What the reader has passed, or is about to read, is its own.
  asked_ = std::max(asked_, position);
  while (asked_ < end_ && asked_ + kPieceBytes <= position + kAheadBytes) {
    const int64_t length = std::min(kPieceBytes, end_ - asked_);
    hook_(file_, asked_, length);
    asked_ += length;
  }
}

}  // namespace millrace::storage

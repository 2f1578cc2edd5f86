// From a record's key to the last offset at which it was seen, in memory of a fixed size: what
// compaction needs to know which records are superseded.
//
//   KeyMap map({.bytes = 128 << 20, .load_factor = 0.9, .seed = seed});
//   if (!map.Put(key, offset)) ...full: what comes next is left for the next cleaning...
//   std::optional<Offset> last = map.Find(key);
//
// Keys are told apart by a 128-bit hash alone (XXH3), whose seed clients cannot know: two of 2^32
// keys share one with a probability below 2^-64. One thread; never allocates after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "proto/types.h"

namespace millrace::storage {

class KeyMap {
 public:
  static constexpr size_t kSlotBytes = 24;

  struct Options {
    size_t bytes;              // what its slots may take; there is always room for one key
    double load_factor = 0.9;  // of the slots that are filled at most
    uint64_t seed;             // random
    // So many keys at most will be put: memory for more is not taken.
    int64_t keys_max;
  };

  explicit KeyMap(const Options& options);

  // Notes that the key was seen at `offset`. False: it is a new key, and there is no room.
  // Precondition: offsets do not descend.
  bool Put(std::span<const std::byte> key, Offset offset);
  std::optional<Offset> Find(std::span<const std::byte> key) const;

  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  size_t size_bytes() const { return slots_.size() * kSlotBytes; }

 private:
  struct Slot {
    uint64_t low = 0;
    uint64_t high = 0;
    int64_t next_offset = 0;  // one more than the offset; 0: the slot is free
  };
  static_assert(sizeof(Slot) == kSlotBytes);

  // Of the slot that holds the key, else of the free one where it belongs.
  size_t IndexOf(uint64_t low, uint64_t high) const;

  uint64_t seed_;
  size_t capacity_;
  size_t size_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace millrace::storage

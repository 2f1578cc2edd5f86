#include "storage/key_map.h"

#include <algorithm>
#include <xxhash.h>

#include "proto/invariant.h"

namespace millrace::storage {
namespace {

constexpr double kLoadFactorMin = 0.1;
// Probing gets long above.
constexpr double kLoadFactorMax = 0.95;

// One more than is filled, so that every search ends at a free slot.
size_t SlotsFor(const KeyMap::Options& options, double load_factor) {
  const auto wanted =
      static_cast<double>(std::max<int64_t>(options.keys_max, 1)) / load_factor + 2.0;
  const size_t allowed = std::max<size_t>(options.bytes / KeyMap::kSlotBytes, 2);
  if (wanted >= static_cast<double>(allowed)) return allowed;
  return static_cast<size_t>(wanted);
}

}  // namespace

KeyMap::KeyMap(const Options& options) : seed_(options.seed) {
  const double load_factor = std::clamp(options.load_factor, kLoadFactorMin, kLoadFactorMax);
  slots_.resize(SlotsFor(options, load_factor));
  const auto filled = static_cast<size_t>(static_cast<double>(slots_.size()) * load_factor);
  capacity_ = std::clamp<size_t>(filled, 1, slots_.size() - 1);
}

size_t KeyMap::IndexOf(uint64_t low, uint64_t high) const {
  // The upper half of the product spreads any 64 bits evenly over any number of slots.
  auto index = static_cast<size_t>((static_cast<unsigned __int128>(low) * slots_.size()) >> 64);
  while (true) {
    const Slot& slot = slots_[index];
    if (slot.next_offset == 0 || (slot.low == low && slot.high == high)) return index;
    if (++index == slots_.size()) index = 0;
  }
}

bool KeyMap::Put(std::span<const std::byte> key, Offset offset) {
  INVARIANT(offset.value() >= 0);
  const XXH128_hash_t hash = XXH3_128bits_withSeed(key.data(), key.size(), seed_);
  Slot& slot = slots_[IndexOf(hash.low64, hash.high64)];
  if (slot.next_offset == 0) {
    if (size_ == capacity_) return false;
    ++size_;
    slot.low = hash.low64;
    slot.high = hash.high64;
  }
  INVARIANT(slot.next_offset <= offset.value() + 1);
  slot.next_offset = offset.value() + 1;
  return true;
}

std::optional<Offset> KeyMap::Find(std::span<const std::byte> key) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(key.data(), key.size(), seed_);
  const Slot& slot = slots_[IndexOf(hash.low64, hash.high64)];
  if (slot.next_offset == 0) return std::nullopt;
  return Offset(slot.next_offset - 1);
}

}  // namespace millrace::storage

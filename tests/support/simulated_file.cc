#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "proto/invariant.h"
#include "tests/support/seeded.h"
#include "tests/support/simulated_disk.h"

namespace millrace::test {

SimulatedMapping::SimulatedMapping(int64_t length)
    : size(std::max<int64_t>(length, 1)),
      bytes(static_cast<std::byte*>(std::calloc(static_cast<size_t>(size), 1))) {
  INVARIANT(bytes != nullptr);
}

void SimulatedMapping::Free::operator()(std::byte* address) const { std::free(address); }

void SimulatedMapping::Refresh(const std::vector<std::byte>& content, int64_t from, int64_t to) {
  for (int64_t at = from; at < std::min(to, size); ++at) {
    const auto index = static_cast<size_t>(at);
    bytes.get()[index] = index < content.size() ? content[index] : std::byte{0};
  }
}

// Which of a file's unsynced changes a power loss leaves, sector by sector: of every sector, the
// state after a number of them. Seeds choose between losing all, keeping all, keeping the first
// few with the next one torn, and keeping of each sector another state.
class SimulatedFile::Survivors {
 public:
  Survivors(std::optional<uint64_t> seed, uint64_t file, size_t changes) : changes_(changes) {
    if (!seed) return;
    seed_ = Mix(*seed, file);
    constexpr Kind kKinds[] = {Kind::kNone, Kind::kTornPrefix, Kind::kMixed, Kind::kAll};
    kind_ = kKinds[seed_ % std::size(kKinds)];
    prefix_ = Mix(seed_, 1) % (changes + 1);
  }

  size_t ChangesInSector(int64_t sector) const {
    return Choose(Mix(seed_, 2 + static_cast<uint64_t>(sector)));
  }
  size_t ChangesOfSize() const { return Choose(Mix(seed_, 0)); }

 private:
  enum class Kind { kNone, kTornPrefix, kMixed, kAll };

  size_t Choose(uint64_t dice) const {
    switch (kind_) {
      case Kind::kNone:
        return 0;
      case Kind::kTornPrefix:
        return std::min(prefix_ + dice % 2, changes_);
      case Kind::kMixed:
        return dice % (changes_ + 1);
      case Kind::kAll:
        return changes_;
    }
    INVARIANT(false);
  }

  Kind kind_ = Kind::kNone;
  size_t changes_;
  uint64_t seed_ = 0;
  size_t prefix_ = 0;
};

int64_t SimulatedFile::allocated_end() const { return std::max(size(), reserved_end_); }

size_t SimulatedFile::Read(int64_t position, std::span<std::byte> out) const {
  if (position >= size()) return 0;
  const size_t n = std::min(out.size(), static_cast<size_t>(size() - position));
  std::copy_n(content_.begin() + position, n, out.begin());
  return n;
}

int64_t SimulatedFile::SizeAfter(const Change& change, int64_t size) {
  if (change.truncates) return change.position;
  return std::max(size, change.position + static_cast<int64_t>(change.bytes.size()));
}

void SimulatedFile::Apply(const Change& change, std::vector<std::byte>& bytes) {
  bytes.resize(static_cast<size_t>(SizeAfter(change, static_cast<int64_t>(bytes.size()))));
  std::copy(change.bytes.begin(), change.bytes.end(), bytes.begin() + change.position);
}

void SimulatedFile::Write(int64_t position, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  INVARIANT(position >= 0);
  unsynced_.push_back({position, {bytes.begin(), bytes.end()}, false});
  Apply(unsynced_.back(), content_);
  RefreshMappings(position, position + static_cast<int64_t>(bytes.size()));
}

void SimulatedFile::Truncate(int64_t new_size) {
  INVARIANT(new_size >= 0);
  unsynced_.push_back({new_size, {}, true});
  const int64_t old_size = size();
  Apply(unsynced_.back(), content_);
  reserved_end_ = new_size;
  RefreshMappings(new_size, old_size);
}

void SimulatedFile::Preallocate(int64_t end) { reserved_end_ = std::max(reserved_end_, end); }

void SimulatedFile::Sync() {
  for (const Change& change : unsynced_) Apply(change, durable_);
  unsynced_.clear();
}

void SimulatedFile::FlipBit(int64_t position, int bit) {
  INVARIANT(position >= 0 && position < size() && bit >= 0 && bit < 8);
  const std::byte mask = std::byte{1} << bit;
  const auto at = static_cast<size_t>(position);
  content_[at] ^= mask;
  if (at < durable_.size()) durable_[at] ^= mask;
  RefreshMappings(position, position + 1);
}

void SimulatedFile::Crash(std::optional<uint64_t> seed) {
  const Survivors survivors(seed, id_, unsynced_.size());
  std::vector<int64_t> sizes = {static_cast<int64_t>(durable_.size())};
  for (const Change& change : unsynced_) sizes.push_back(SizeAfter(change, sizes.back()));
  const int64_t extent = *std::max_element(sizes.begin(), sizes.end());
  durable_.resize(static_cast<size_t>(extent));

  for (size_t i = 0; i < unsynced_.size(); ++i) {
    const Change& change = unsynced_[i];
    const int64_t end =
        change.truncates ? extent : change.position + static_cast<int64_t>(change.bytes.size());
    for (int64_t from = change.position; from < end;) {
      const int64_t sector = from / kSectorBytes;
      const int64_t to = std::min(end, (sector + 1) * kSectorBytes);
      if (i < survivors.ChangesInSector(sector)) {
        for (int64_t at = from; at < to; ++at) {
          durable_[static_cast<size_t>(at)] =
              change.truncates ? std::byte{0}
                               : change.bytes[static_cast<size_t>(at - change.position)];
        }
      }
      from = to;
    }
  }
  durable_.resize(static_cast<size_t>(sizes[survivors.ChangesOfSize()]));
  content_ = durable_;
  unsynced_.clear();
  mappings_.clear();
  reserved_end_ = size();
}

std::shared_ptr<SimulatedMapping> SimulatedFile::Map(int64_t length) {
  auto mapping = std::make_shared<SimulatedMapping>(length);
  mapping->Refresh(content_, 0, size());
  std::erase_if(mappings_, [](const auto& other) { return other.expired(); });
  mappings_.push_back(mapping);
  return mapping;
}

void SimulatedFile::RefreshMappings(int64_t from, int64_t to) {
  for (const std::weak_ptr<SimulatedMapping>& weak : mappings_) {
    if (const auto mapping = weak.lock()) mapping->Refresh(content_, from, to);
  }
}

}  // namespace millrace::test

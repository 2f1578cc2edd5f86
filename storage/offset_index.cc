#include "storage/offset_index.h"

#include <array>
#include <limits>
#include <utility>

#include "proto/invariant.h"

namespace millrace::storage {
namespace {

constexpr int64_t kEntrySize = OffsetIndex::kEntryBytes;

}  // namespace

OffsetIndex::OffsetIndex(std::shared_ptr<File> file, Offset base, int64_t entries,
                         int64_t bytes_max)
    : base_(base),
      entries_max_(bytes_max / kEntrySize),
      entries_(std::move(file), kEntryBytes, entries, entries_max_) {}

absl::StatusOr<std::optional<OffsetIndex::Usable>> OffsetIndex::UsableEntries(const File& file,
                                                                              Offset base,
                                                                              int64_t log_bytes) {
  const absl::StatusOr<int64_t> size = file.Size();
  if (!size.ok()) return size.status();
  if (*size % kEntrySize != 0) return std::nullopt;
  if (*size == 0) return Usable{};
  std::array<std::byte, kEntryBytes> last;
  const absl::StatusOr<size_t> read = file.ReadAt(*size - kEntrySize, last);
  if (!read.ok()) return read.status();
  if (*read != last.size()) return std::nullopt;
  const int64_t entries = *size / kEntrySize;
  const auto relative = LoadBig<int32_t>(last.data());
  const auto position = LoadBig<int32_t>(last.data() + 4);
  // Each entry has a larger offset and position than the one before it, and the first batch has no
  // entry unless the interval is zero; a tail of zeros is Kafka's preallocation.
  if (position < 0 || position >= log_bytes || relative < entries - 1) return std::nullopt;
  if (entries > 1 && position == 0) return std::nullopt;
  if (base.value() > std::numeric_limits<int64_t>::max() - relative) return std::nullopt;
  return Usable{.entries = entries, .last = Decode(last.data(), base)};
}

void OffsetIndex::Append(const Entry& entry) {
  const int64_t relative = entry.offset - base_;
  INVARIANT(relative >= 0);
  INVARIANT(relative <= std::numeric_limits<int32_t>::max());
  INVARIANT(entry.position >= 0);
  INVARIANT(entry.position <= std::numeric_limits<int32_t>::max());
  std::array<std::byte, kEntryBytes> bytes;
  StoreBig(bytes.data(), static_cast<int32_t>(relative));
  StoreBig(bytes.data() + 4, static_cast<int32_t>(entry.position));
  entries_.Append(bytes);
}

absl::StatusOr<std::optional<OffsetIndex::Entry>> OffsetIndex::Floor(Offset target) const {
  const auto not_above = [&](const std::byte* bytes) {
    return Decode(bytes, base_).offset <= target;
  };
  const absl::StatusOr<int64_t> count = entries_.PrefixWhere(not_above);
  if (!count.ok()) return count.status();
  if (*count == 0) return std::nullopt;
  const absl::StatusOr<const std::byte*> bytes = entries_.EntryAt(*count - 1);
  if (!bytes.ok()) return bytes.status();
  return Decode(*bytes, base_);
}

OffsetIndex::Entry OffsetIndex::Decode(const std::byte* bytes, Offset base) {
  return {.offset = base + LoadBig<int32_t>(bytes), .position = LoadBig<int32_t>(bytes + 4)};
}

}  // namespace millrace::storage

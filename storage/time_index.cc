#include "storage/time_index.h"

#include <array>
#include <limits>
#include <utility>

#include "proto/invariant.h"

namespace millrace::storage {
namespace {

constexpr int64_t kEntrySize = TimeIndex::kEntryBytes;

}  // namespace

TimeIndex::TimeIndex(std::shared_ptr<File> file, Offset base, int64_t entries,
                     std::optional<Entry> last, int64_t bytes_max)
    : base_(base),
      entries_max_(bytes_max / kEntrySize),
      last_(last),
      entries_(std::move(file), kEntryBytes, entries, entries_max_) {
  INVARIANT((entries > 0) == last.has_value());
}

absl::StatusOr<std::optional<TimeIndex::Usable>> TimeIndex::UsableEntries(const File& file,
                                                                          Offset base) {
  const absl::StatusOr<int64_t> size = file.Size();
  if (!size.ok()) return size.status();
  if (*size % kEntrySize != 0) return std::nullopt;
  if (*size == 0) return Usable{};
  std::array<std::byte, kEntryBytes> bytes;
  const absl::StatusOr<size_t> read = file.ReadAt(*size - kEntrySize, bytes);
  if (!read.ok()) return read.status();
  if (*read != bytes.size()) return std::nullopt;
  const int64_t entries = *size / kEntrySize;
  const auto relative = LoadBig<int32_t>(bytes.data() + 8);
  // Each entry has a larger timestamp and offset than the one before it; a tail of zeros is Kafka's
  // preallocation.
  if (relative < entries - 1) return std::nullopt;
  const Entry last = Decode(bytes.data(), base);
  if (last.timestamp.value() < entries - 1) return std::nullopt;
  return Usable{.entries = entries, .last = last};
}

void TimeIndex::MaybeAppend(const Entry& entry) {
  if (last_.has_value() && (entry.timestamp <= last_->timestamp || entry.offset <= last_->offset)) {
    return;
  }
  const int64_t relative = entry.offset - base_;
  INVARIANT(relative >= 0);
  INVARIANT(relative <= std::numeric_limits<int32_t>::max());
  std::array<std::byte, kEntryBytes> bytes;
  StoreBig(bytes.data(), entry.timestamp.value());
  StoreBig(bytes.data() + 8, static_cast<int32_t>(relative));
  entries_.Append(bytes);
  last_ = entry;
}

template <class Predicate>
absl::StatusOr<std::optional<TimeIndex::Entry>> TimeIndex::LastWhere(Predicate holds) const {
  const absl::StatusOr<int64_t> count =
      entries_.PrefixWhere([&](const std::byte* bytes) { return holds(Decode(bytes, base_)); });
  if (!count.ok()) return count.status();
  if (*count == 0) return std::nullopt;
  const absl::StatusOr<const std::byte*> bytes = entries_.EntryAt(*count - 1);
  if (!bytes.ok()) return bytes.status();
  return Decode(*bytes, base_);
}

absl::StatusOr<std::optional<TimeIndex::Entry>> TimeIndex::Below(TimestampMs target) const {
  return LastWhere([&](const Entry& entry) { return entry.timestamp < target; });
}

absl::StatusOr<std::optional<TimeIndex::Entry>> TimeIndex::BeforeOffset(Offset limit) const {
  return LastWhere([&](const Entry& entry) { return entry.offset < limit; });
}

TimeIndex::Entry TimeIndex::Decode(const std::byte* bytes, Offset base) {
  return {.timestamp = TimestampMs(LoadBig<int64_t>(bytes)),
          .offset = base + LoadBig<int32_t>(bytes + 8)};
}

}  // namespace millrace::storage

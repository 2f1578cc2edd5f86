#include "storage/batch_walk.h"

#include <algorithm>
#include <limits>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "proto/invariant.h"

namespace millrace::storage {
namespace {

constexpr auto kHeaderSize = static_cast<int64_t>(record::kBatchHeaderBytes);

// Whether a header could start a batch of at most `room` bytes with an offset >= `expected`.
bool IsPlausible(const record::BatchView& header, int64_t room, Offset expected) {
  const int64_t base = header.base_offset().value();
  const int64_t delta = header.last_offset_delta();
  return header.magic() == record::kMagicV2 && header.size_bytes() >= kHeaderSize &&
         header.size_bytes() <= room && base >= expected.value() && delta >= 0 &&
         base < std::numeric_limits<int64_t>::max() - delta;
}

}  // namespace

BatchSpot SpotOf(const record::BatchView& batch, int64_t position) {
  // The time of a batch that compaction has emptied is that of no record.
  constexpr TimestampMs kNone(-1);
  return {.base_offset = batch.base_offset(),
          .last_offset = batch.last_offset(),
          .position = position,
          .size = batch.size_bytes(),
          .max_timestamp = batch.record_count() > 0 ? batch.max_timestamp() : kNone};
}

absl::StatusOr<std::optional<BatchSpot>> HeaderWalk::Next() {
  if (position_ == end_) return std::nullopt;
  const int64_t room = end_ - position_;
  const bool is_buffered =
      position_ >= buffer_position_ &&
      position_ + kHeaderSize <= buffer_position_ + static_cast<int64_t>(buffered_);
  if (!is_buffered) {
    const auto wanted = static_cast<size_t>(std::min<int64_t>(room, kBufferBytes));
    if (probe_ != nullptr && !probe_->AllowsLog(position_, static_cast<int64_t>(wanted), end_)) {
      return PageProbe::Missing();
    }
    const auto read = file_.ReadAt(position_, std::span(buffer_).first(wanted));
    if (!read.ok()) return read.status();
    buffer_position_ = position_;
    buffered_ = *read;
  }
  header_at_ = static_cast<size_t>(position_ - buffer_position_);
  const size_t available = buffered_ - header_at_;
  if (available < record::kBatchHeaderBytes || !IsPlausible(header(), room, Offset(0))) {
    return absl::DataLossError(
        fmt::format("no batch at position {} ({} bytes before the end)", position_, room));
  }
  const BatchSpot spot = SpotOf(header(), position_);
  position_ += spot.size;
  return spot;
}

record::BatchView HeaderWalk::header() const {
  return record::BatchView(std::span(buffer_).subspan(header_at_));
}

BatchScan::BatchScan(const File& file, int64_t position, int64_t end, size_t buffer_bytes)
    : file_(file), position_(position), end_(end), buffer_bytes_(buffer_bytes) {
  INVARIANT(position <= end);
}

absl::StatusOr<std::span<const std::byte>> BatchScan::Bytes(int64_t position, size_t size) {
  const int64_t buffer_end = buffer_position_ + static_cast<int64_t>(buffered_);
  const bool is_buffered =
      position >= buffer_position_ && position + static_cast<int64_t>(size) <= buffer_end;
  if (!is_buffered) {
    const auto room = static_cast<size_t>(end_ - position);
    const size_t wanted = std::min(std::max(size, buffer_bytes_), room);
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    const auto read = file_.ReadAt(position, std::span(buffer_).first(wanted));
    if (!read.ok()) return read.status();
    buffer_position_ = position;
    buffered_ = *read;
  }
  const auto at = static_cast<size_t>(position - buffer_position_);
  return std::span<const std::byte>(buffer_).subspan(at, std::min(size, buffered_ - at));
}

absl::StatusOr<std::optional<std::span<const std::byte>>> BatchScan::Next() {
  const int64_t room = end_ - position_;
  if (room < kHeaderSize) return std::nullopt;
  const auto header = Bytes(position_, record::kBatchHeaderBytes);
  if (!header.ok()) return header.status();
  if (header->size() < record::kBatchHeaderBytes) return std::nullopt;
  if (!IsPlausible(record::BatchView(*header), room, expected_)) return std::nullopt;
  const auto size = static_cast<size_t>(record::BatchView(*header).size_bytes());
  const auto batch = Bytes(position_, size);
  if (!batch.ok()) return batch.status();
  if (batch->size() < size || !record::IsIntact(*batch)) return std::nullopt;
  position_ += static_cast<int64_t>(size);
  expected_ = record::BatchView(*batch).next_offset();
  return *batch;
}

absl::StatusOr<bool> BatchScan::FindIntact(const File& file, int64_t position, int64_t end,
                                           Offset expected) {
  BatchScan scan(file, position, end);
  for (; end - position >= kHeaderSize; ++position) {
    const auto header = scan.Bytes(position, record::kBatchHeaderBytes);
    if (!header.ok()) return header.status();
    if (header->size() < record::kBatchHeaderBytes) return false;
    if (!IsPlausible(record::BatchView(*header), end - position, expected)) continue;
    const auto size = static_cast<size_t>(record::BatchView(*header).size_bytes());
    const auto batch = scan.Bytes(position, size);
    if (!batch.ok()) return batch.status();
    if (record::IsIntact(*batch)) return true;
  }
  return false;
}

}  // namespace millrace::storage

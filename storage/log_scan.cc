#include "storage/log_scan.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/record/batch.h"
#include "proto/record/crc32c.h"
#include "storage/segment_recovery.h"

namespace millrace::storage {
namespace {

// Large enough for few calls, small enough to be in the cache when the checksum is computed.
constexpr size_t kReadBytes = 256 << 10;
constexpr size_t kMagicAt = 16;
constexpr size_t kCrcCoversFrom = 21;
// Larger than any batch that a broker takes.
constexpr int64_t kDiagnosedBytesMax = 128 << 20;
constexpr auto kHeaderSize = static_cast<int64_t>(record::kBatchHeaderBytes);

}  // namespace

absl::StatusOr<std::span<const std::byte>> LogScan::Bytes(int64_t position, size_t size) {
  INVARIANT(position <= end_);
  const auto room = static_cast<size_t>(end_ - position);
  size = std::min(size, room);
  const int64_t buffer_end = buffer_position_ + static_cast<int64_t>(buffered_);
  const bool begins = position >= buffer_position_ && position <= buffer_end;
  if (!begins || position + static_cast<int64_t>(size) > buffer_end) {
    // What is there already is not read again.
    const size_t kept = begins ? static_cast<size_t>(buffer_end - position) : 0;
    if (kept > 0) std::memmove(buffer_.data(), buffer_.data() + (buffered_ - kept), kept);
    const size_t wanted = std::min(std::max(size, kReadBytes), room);
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    buffer_position_ = position;
    buffered_ = kept;
    const auto read = file_.ReadAt(position + static_cast<int64_t>(kept),
                                   std::span(buffer_).subspan(kept, wanted - kept));
    if (!read.ok()) return read.status();
    buffered_ += *read;
  }
  const auto at = static_cast<size_t>(position - buffer_position_);
  return std::span<const std::byte>(buffer_).subspan(at, std::min(size, buffered_ - at));
}

absl::StatusOr<std::span<const std::byte>> LogScan::BatchAt(int64_t position) {
  const std::span<const std::byte> none;
  const auto header = Bytes(position, record::kBatchHeaderBytes);
  if (!header.ok()) return header.status();
  if (header->size() < record::kBatchHeaderBytes) return none;
  const record::BatchView view(*header);
  const int64_t size = view.size_bytes();
  if (view.magic() != record::kMagicV2 || size < kHeaderSize || size > end_ - position) return none;
  const auto batch = Bytes(position, static_cast<size_t>(size));
  if (!batch.ok()) return batch.status();
  if (static_cast<int64_t>(batch->size()) < size || !record::IsIntact(*batch)) return none;
  return *batch;
}

absl::StatusOr<bool> LogScan::MayResumeAt(int64_t position) {
  const auto header = Bytes(position, record::kBatchHeaderBytes);
  if (!header.ok()) return header.status();
  if (header->size() < record::kBatchHeaderBytes) return false;
  const Offset offset = record::BatchView(*header).base_offset();
  if (offset < std::max(base_, expected_)) return false;
  if (offset - base_ > std::numeric_limits<int32_t>::max()) return false;
  const auto batch = BatchAt(position);
  if (!batch.ok()) return batch.status();
  return !batch->empty();
}

absl::StatusOr<LogScan::Step> LogScan::Next() {
  if (position_ >= end_) return End{};
  const auto batch = BatchAt(position_);
  if (!batch.ok()) return batch.status();
  if (batch->empty()) return StepOverDamage();
  const Intact intact{.position = position_, .batch = *batch};
  position_ += static_cast<int64_t>(batch->size());
  expected_ = record::BatchView(*batch).next_offset();
  return intact;
}

absl::StatusOr<LogScan::Step> LogScan::StepOverDamage() {
  auto diagnosis = Diagnose();
  if (!diagnosis.ok()) return diagnosis.status();
  const auto next = FindNext(position_);
  if (!next.ok()) return next.status();
  const int64_t resume = next->value_or(end_);
  INVARIANT(resume > position_);
  if (diagnosis->kind == FindingKind::kCrc || diagnosis->kind == FindingKind::kLength) {
    if (auto wrong = LengthAloneIsWrong(resume); !wrong.ok()) {
      return wrong.status();
    } else if (wrong->has_value()) {
      diagnosis = *std::move(*wrong);
    }
  }
  Damage damage{.position = position_,
                .size = resume - position_,
                .kind = diagnosis->kind,
                .what = std::move(diagnosis->what),
                .intact_follows = next->has_value()};
  position_ = resume;
  return damage;
}

absl::StatusOr<LogScan::Diagnosis> LogScan::Diagnose() {
  const int64_t room = end_ - position_;
  const auto zeros = IsZeros();
  if (!zeros.ok()) return zeros.status();
  if (*zeros) {
    return Diagnosis{FindingKind::kTruncated, fmt::format("{} bytes, all of them zero", room)};
  }
  const auto legacy = HoldsLegacyMessage(file_, position_, end_);
  if (!legacy.ok()) return legacy.status();
  if (*legacy) {
    return Diagnosis{FindingKind::kLegacyFormat,
                     "a message of a format older than Kafka 0.11, which is not read"};
  }
  if (room < kHeaderSize) {
    return Diagnosis{FindingKind::kTruncated,
                     fmt::format("{} bytes, less than the {} of a batch's header", room,
                                 record::kBatchHeaderBytes)};
  }
  return DiagnoseBatch();
}

absl::StatusOr<LogScan::Diagnosis> LogScan::DiagnoseBatch() {
  const Diagnosis shrunk{FindingKind::kTruncated, "the file has become shorter"};
  const auto header = Bytes(position_, record::kBatchHeaderBytes);
  if (!header.ok()) return header.status();
  if (header->size() < record::kBatchHeaderBytes) return shrunk;
  const record::BatchView claimed(*header);
  const int64_t size = claimed.size_bytes();
  if (claimed.magic() != record::kMagicV2) {
    return Diagnosis{FindingKind::kMagic,
                     fmt::format("magic {}, not {}", claimed.magic(), record::kMagicV2)};
  }
  if (size < kHeaderSize || size > end_ - position_) {
    return Diagnosis{FindingKind::kLength,
                     fmt::format("the batch claims to be {} bytes; {} remain in the file", size,
                                 end_ - position_)};
  }
  const auto bytes = Bytes(position_, static_cast<size_t>(size));
  if (!bytes.ok()) return bytes.status();
  if (static_cast<int64_t>(bytes->size()) < size) return shrunk;
  const record::BatchView batch(*bytes);
  const uint32_t crc = record::ComputeBatchCrc(*bytes);
  if (crc == batch.crc()) {
    return Diagnosis{
        FindingKind::kHeader,
        fmt::format("base offset {}, last offset delta {} and {} records make no sense",
                    batch.base_offset().value(), batch.last_offset_delta(), batch.record_count())};
  }
  return Diagnosis{FindingKind::kCrc,
                   fmt::format("the batch claims CRC-32C {:08x}, but its {} bytes have {:08x}",
                               batch.crc(), size, crc)};
}

// The length lies outside the checksum, which is then right for what stands up to the next batch.
absl::StatusOr<std::optional<LogScan::Diagnosis>> LogScan::LengthAloneIsWrong(int64_t resume) {
  const int64_t size = resume - position_;
  if (size < kHeaderSize || size > kDiagnosedBytesMax) return std::nullopt;
  const auto bytes = Bytes(position_, static_cast<size_t>(size));
  if (!bytes.ok()) return bytes.status();
  if (static_cast<int64_t>(bytes->size()) < size) return std::nullopt;
  const record::BatchView view(*bytes);
  if (record::Crc32c(bytes->subspan(kCrcCoversFrom)) != view.crc()) return std::nullopt;
  return Diagnosis{FindingKind::kLength,
                   fmt::format("the batch claims to be {} bytes, but its checksum is that of {}",
                               view.size_bytes(), size)};
}

absl::StatusOr<bool> LogScan::IsZeros() {
  for (int64_t at = position_; at < end_;) {
    const auto bytes = Bytes(at, kReadBytes);
    if (!bytes.ok()) return bytes.status();
    if (bytes->empty()) return false;
    const bool zeros = std::all_of(bytes->begin(), bytes->end(),
                                   [](std::byte byte) { return byte == std::byte{0}; });
    if (!zeros) return false;
    at += static_cast<int64_t>(bytes->size());
  }
  return true;
}

absl::StatusOr<std::optional<int64_t>> LogScan::FindNext(int64_t from) {
  // Where the damaged batch says that it ends: it is most often right, and a record may hold bytes
  // that look like a batch.
  const auto header = Bytes(from, record::kBatchHeaderBytes);
  if (!header.ok()) return header.status();
  if (header->size() == record::kBatchHeaderBytes) {
    const int64_t claimed = record::BatchView(*header).size_bytes();
    if (claimed >= kHeaderSize && claimed <= end_ - from) {
      if (from + claimed == end_) return std::nullopt;
      const auto resumes = MayResumeAt(from + claimed);
      if (!resumes.ok()) return resumes.status();
      if (*resumes) return from + claimed;
    }
  }
  for (int64_t at = from + 1; end_ - at >= kHeaderSize;) {
    const auto bytes = Bytes(at, kReadBytes);
    if (!bytes.ok()) return bytes.status();
    if (bytes->size() < record::kBatchHeaderBytes) return std::nullopt;
    const std::byte* magic = bytes->data() + kMagicAt;
    const void* found = std::memchr(magic, record::kMagicV2, bytes->size() - kMagicAt);
    if (found == nullptr) {
      at += static_cast<int64_t>(bytes->size() - kMagicAt);
      continue;
    }
    at += static_cast<const std::byte*>(found) - magic;
    if (end_ - at < kHeaderSize) return std::nullopt;
    const auto resumes = MayResumeAt(at);
    if (!resumes.ok()) return resumes.status();
    if (*resumes) return at;
    ++at;
  }
  return std::nullopt;
}

}  // namespace millrace::storage

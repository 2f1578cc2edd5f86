#include "proto/record/record_reader.h"

#include "proto/invariant.h"
#include "proto/record/varint.h"

namespace millrace::record {
namespace {

using Bytes = std::span<const std::byte>;

// The walk is on the produce path, so what it calls is inlined: the rest of the bytes then stays in
// registers, which makes the walk several times as fast.

// A length and so many bytes; a length of -1 is null. False: no such field stands there.
[[gnu::always_inline]] inline bool TakeNullable(Bytes& rest, std::optional<Bytes>& field) {
  int32_t length = 0;
  if (!TakeVarint(rest, length) || length < -1) return false;
  if (length == -1) {
    field.reset();
    return true;
  }
  const auto size = static_cast<size_t>(length);
  if (size > rest.size()) return false;
  field.emplace(rest.data(), size);
  rest = {rest.data() + size, rest.size() - size};
  return true;
}

bool TakeHeader(Bytes& rest, HeaderView& header) {
  std::optional<Bytes> key;
  if (!TakeNullable(rest, key) || !key.has_value()) return false;
  header.key = std::string_view(reinterpret_cast<const char*>(key->data()), key->size());
  return TakeNullable(rest, header.value);
}

// Whether `count` headers fill `bytes` exactly.
[[gnu::noinline]] RecordFault CheckHeaders(Bytes bytes, int32_t count) {
  // A header is at least two bytes: the lengths of its key and value.
  if (count < 0 || static_cast<size_t>(count) > bytes.size() / 2) return RecordFault::kHeaderCount;
  for (int32_t i = 0; i < count; ++i) {
    HeaderView header;
    if (!TakeHeader(bytes, header)) return RecordFault::kHeader;
  }
  return bytes.empty() ? RecordFault::kNone : RecordFault::kExtraBytes;
}

}  // namespace

std::optional<HeaderView> HeaderReader::Next() {
  if (left_ == 0) return std::nullopt;
  HeaderView header;
  const bool taken = TakeHeader(rest_, header);
  INVARIANT(taken);
  --left_;
  return header;
}

std::string_view FaultText(RecordFault fault) {
  switch (fault) {
    case RecordFault::kNone:
      return "it is sound";
    case RecordFault::kLength:
      return "its length is not one, or runs past the end of the batch";
    case RecordFault::kVarint:
      return "a field is not a varint";
    case RecordFault::kKeyLength:
      return "its key length runs past its end";
    case RecordFault::kValueLength:
      return "its value length runs past its end";
    case RecordFault::kHeaderCount:
      return "its header count is negative or more than it can hold";
    case RecordFault::kHeader:
      return "a header has no key or runs past its end";
    case RecordFault::kExtraBytes:
      return "its fields do not fill its length";
    case RecordFault::kOffset:
      return "its offset delta lies outside the batch";
    case RecordFault::kTimestamp:
      return "its timestamp overflows";
    case RecordFault::kBytesFollow:
      return "the batch claims fewer records than follow";
    case RecordFault::kRecordMissing:
      return "the batch claims more records than follow";
  }
  return "unknown fault";
}

RecordReader::RecordReader(BatchView batch, std::span<const std::byte> block)
    : rest_(block),
      base_offset_(batch.base_offset()),
      base_timestamp_(batch.base_timestamp()),
      last_delta_allowed_(batch.last_offset_delta()),
      count_(batch.record_count()) {
  if (batch.has_log_append_time()) append_time_ = batch.max_timestamp();
}

std::optional<RecordView> RecordReader::Next() {
  // One variable on every way out, so that the record is built where the caller will have it.
  std::optional<RecordView> record;
  if (fault_ != RecordFault::kNone) return record;
  if (read_ >= count_) {
    if (!rest_.empty()) fault_ = RecordFault::kBytesFollow;
    return record;
  }
  fault_ = ReadRecord(record.emplace());
  if (fault_ == RecordFault::kNone) {
    ++read_;
  } else {
    record.reset();
  }
  return record;
}

[[gnu::always_inline]] inline RecordFault RecordReader::ReadRecord(RecordView& record) {
  if (rest_.empty()) return RecordFault::kRecordMissing;
  Bytes rest = rest_;
  int32_t length = 0;
  if (!TakeVarint(rest, length) || length < 0 || static_cast<size_t>(length) > rest.size()) {
    return RecordFault::kLength;
  }
  const Bytes body(rest.data(), static_cast<size_t>(length));
  rest_ = {rest.data() + body.size(), rest.size() - body.size()};
  return ReadBody(body, record);
}

[[gnu::always_inline]] inline RecordFault RecordReader::ReadBody(Bytes body, RecordView& record) {
  // The attributes of a record mean nothing yet.
  if (body.empty()) return RecordFault::kVarint;
  body = {body.data() + 1, body.size() - 1};
  int64_t timestamp_delta = 0;
  int32_t offset_delta = 0;
  if (!TakeVarlong(body, timestamp_delta)) return RecordFault::kVarint;
  if (!TakeVarint(body, offset_delta)) return RecordFault::kVarint;
  const RecordFault misplaced = Place(timestamp_delta, offset_delta, record);
  if (misplaced != RecordFault::kNone) return misplaced;

  if (!TakeNullable(body, record.key)) return RecordFault::kKeyLength;
  if (!TakeNullable(body, record.value)) return RecordFault::kValueLength;
  int32_t header_count = 0;
  if (!TakeVarint(body, header_count)) return RecordFault::kVarint;
  record.header_count = header_count;
  record.headers = body;
  if (header_count == 0 && body.empty()) return RecordFault::kNone;
  return CheckHeaders(body, header_count);
}

[[gnu::always_inline]] inline RecordFault RecordReader::Place(int64_t timestamp_delta,
                                                              int32_t offset_delta,
                                                              RecordView& record) {
  int64_t offset = 0;
  if (offset_delta < 0 || offset_delta > last_delta_allowed_ ||
      __builtin_add_overflow(base_offset_.value(), int64_t{offset_delta}, &offset)) {
    return RecordFault::kOffset;
  }
  int64_t timestamp = 0;
  if (__builtin_add_overflow(base_timestamp_.value(), timestamp_delta, &timestamp)) {
    return RecordFault::kTimestamp;
  }
  offset_delta_ = offset_delta;
  record.offset = Offset(offset);
  record.timestamp = append_time_.value_or(TimestampMs(timestamp));
  return RecordFault::kNone;
}

}  // namespace millrace::record

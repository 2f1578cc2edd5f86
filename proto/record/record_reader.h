// Walks the records of a block that is not (or no longer) compressed.
//
//   RecordReader reader(batch, batch.records());
//   while (auto record = reader.Next()) Use(*record);
//   if (reader.fault() != RecordFault::kNone) ...  // damaged: what came before is still right
//
// Never allocates and never reads past the block; faults are values. One thread at a time. The
// records hold views into the block. Format: docs/formats/record-batch.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "proto/record/batch.h"
#include "proto/types.h"

namespace millrace::record {

struct RecordView {
  Offset offset;
  // In LogAppendTime batches the batch's maximum timestamp, as readers must take it.
  TimestampMs timestamp;
  std::optional<std::span<const std::byte>> key;
  std::optional<std::span<const std::byte>> value;
  int32_t header_count;
  // The encoded headers, already checked; HeaderReader walks them.
  std::span<const std::byte> headers;
};

struct HeaderView {
  std::string_view key;
  std::optional<std::span<const std::byte>> value;
};

// The headers of one record. It cannot fail: RecordReader has walked them before.
class HeaderReader {
 public:
  explicit HeaderReader(const RecordView& record)
      : rest_(record.headers), left_(record.header_count) {}

  std::optional<HeaderView> Next();

 private:
  std::span<const std::byte> rest_;
  int32_t left_;
};

enum class RecordFault : uint8_t {
  kNone,
  kLength,         // the record's length is no varint, negative, or more than the bytes that follow
  kVarint,         // a field is no varint
  kKeyLength,      // below -1 or more than the record holds
  kValueLength,    // likewise
  kHeaderCount,    // negative or more than the record can hold
  kHeader,         // a header's key is null, or one of its lengths runs over
  kExtraBytes,     // the record's fields do not fill its length
  kOffset,         // the offset delta is negative, beyond the batch's last, or overflows
  kTimestamp,      // base timestamp and delta overflow
  kBytesFollow,    // the batch claims fewer records than there are bytes for
  kRecordMissing,  // the batch claims more records than there are bytes for
};

// A phrase for messages: "its key length runs over".
std::string_view FaultText(RecordFault fault);

class RecordReader {
 public:
  // `block` is what batch.records() holds, decompressed. Of the batch only the header is read.
  RecordReader(BatchView batch, std::span<const std::byte> block);

  // None at the end and at the first fault.
  std::optional<RecordView> Next();

  RecordFault fault() const { return fault_; }
  // How many records Next() has returned: at a fault the index of the record that is wrong.
  int32_t records_read() const { return read_; }
  // Offset of the last record returned, counted from the base offset.
  int32_t last_offset_delta() const { return offset_delta_; }

 private:
  RecordFault ReadRecord(RecordView& record);
  RecordFault ReadBody(std::span<const std::byte> body, RecordView& record);
  RecordFault Place(int64_t timestamp_delta, int32_t offset_delta, RecordView& record);

  std::span<const std::byte> rest_;
  Offset base_offset_;
  TimestampMs base_timestamp_;
  std::optional<TimestampMs> append_time_;
  int32_t last_delta_allowed_;
  int32_t count_;
  int32_t read_ = 0;
  int32_t offset_delta_ = -1;
  RecordFault fault_ = RecordFault::kNone;
};

}  // namespace millrace::record

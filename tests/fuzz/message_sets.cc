// Legacy message sets, and what becomes of records on their way between the formats: converted up
// and down, and recompressed. The first byte says what the rest is and what is done with it.
//
// What is converted keeps its keys and values in their order, and is sound in its new format.
#include <optional>
#include <string>
#include <vector>

#include "proto/record/batch_layout.h"
#include "proto/record/crc32.h"
#include "proto/record/down_convert.h"
#include "proto/record/message_set.h"
#include "proto/record/open_batch.h"
#include "proto/record/recompress.h"
#include "proto/record/up_convert.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/repair.h"

namespace millrace::fuzz {
namespace {

using record::BatchView;
using record::CodecType;
using record::MessageView;
using record::RecordView;

constexpr size_t kDecompressedBytesMax = 64 << 10;
constexpr size_t kPlenty = 16 << 20;
constexpr record::CheckOptions kAnySize = {.max_batch_bytes = kPlenty};

// Bits of the first byte.
constexpr uint8_t kIsBatches = 0x01;  // record batches v2, else a message set
constexpr uint8_t kRaw = 0x02;        // checksums and lengths stay as they are
constexpr uint8_t kMagic1 = 0x04;     // what batches are converted to, else magic 0
constexpr int kCodecShift = 3;        // what a batch is recompressed with

struct KeyAndValue {
  std::optional<std::string> key;
  std::optional<std::string> value;

  friend bool operator==(const KeyAndValue&, const KeyAndValue&) = default;
};

std::optional<std::string> TextOf(const std::optional<Bytes>& bytes) {
  if (!bytes.has_value()) return std::nullopt;
  return std::string(AsText(*bytes));
}

template <class Record>
KeyAndValue ContentOf(const Record& record) {
  return {TextOf(record.key), TextOf(record.value)};
}

// Every message of the set with a right checksum, and with a size that is possible.
void RepairSet(std::span<std::byte> bytes) {
  constexpr size_t kSizeAt = 8;
  constexpr size_t kCrcAt = 12;
  constexpr size_t kMagicAt = 16;
  while (bytes.size() >= record::kMessageBytesMin) {
    bytes[kMagicAt] &= std::byte{1};
    const size_t room = bytes.size() - kCrcAt;
    const auto claimed = record::LoadBigEndian<int32_t>(bytes.data() + kSizeAt);
    const bool is_possible = claimed >= static_cast<int32_t>(record::kMessageBytesMin - kCrcAt) &&
                             static_cast<size_t>(claimed) <= room;
    const size_t size = is_possible ? static_cast<size_t>(claimed) : room;
    record::StoreBigEndian(bytes.data() + kSizeAt, static_cast<int32_t>(size));
    const uint32_t crc = record::Crc32(bytes.subspan(kMagicAt, size - (kMagicAt - kCrcAt)));
    record::StoreBigEndian(bytes.data() + kCrcAt, static_cast<int32_t>(crc));
    bytes = bytes.subspan(kCrcAt + size);
  }
}

struct Messages {
  bool is_sound = false;
  std::vector<KeyAndValue> contents;
};

Messages ReadSet(Bytes set, size_t max_bytes) {
  Messages messages;
  const auto fault = record::ForEachMessage(set, max_bytes, [&](const MessageView& message) {
    INVARIANT(message.codec() == CodecType::kNone);
    messages.contents.push_back(ContentOf(message));
  });
  messages.is_sound = !fault.has_value();
  if (fault.has_value()) INVARIANT(!fault->message.empty());
  return messages;
}

std::vector<KeyAndValue> ReadBatch(Bytes batch) {
  std::vector<KeyAndValue> contents;
  INVARIANT(record::ForEachRecord(batch, kPlenty, [&](const RecordView& record) {
              contents.push_back(ContentOf(record));
              return record::Walk::kGoOn;
            }).ok());
  return contents;
}

// Walks without opening wrappers: what is written again is the same bytes.
void WalkMessages(Bytes set) {
  record::MessageReader reader(set);
  std::vector<std::byte> again;
  while (const std::optional<MessageView> message = reader.Next()) {
    const size_t before = again.size();
    record::AppendMessage(*message, again);
    INVARIANT(again.size() - before == record::MessageSize(*message));
  }
  INVARIANT(again.size() <= set.size());
  INVARIANT(SameBytes(again, set.first(again.size())));
  INVARIANT((reader.fault() == record::MessageFault::kNone) == (again.size() == set.size()));
  INVARIANT(!record::FaultText(reader.fault()).empty());
  if (set.size() >= record::kMessageBytesMin) record::ClaimedMessageSize(set);
  record::MagicOf(set);
}

void ConvertUp(Bytes set) {
  WalkMessages(set);
  const Messages messages = ReadSet(set, kDecompressedBytesMax);
  const record::UpConverted up = record::UpConvert(set, kDecompressedBytesMax);
  if (up.fault.has_value()) {
    INVARIANT(up.batch.empty() && !up.fault->message.empty());
    return;
  }
  INVARIANT(messages.is_sound);
  INVARIANT(!record::CheckBatch(up.batch, kAnySize).has_value());
  INVARIANT(!CheckCompressedRecords(up.batch, kAnySize, kPlenty).has_value());
  INVARIANT(ReadBatch(up.batch) == messages.contents);
}

void ConvertDown(Bytes batches, int8_t magic) {
  record::DownConvertOptions options{.magic = magic,
                                     .from = Offset(0),
                                     .max_bytes = kPlenty,
                                     .max_decompressed_bytes = kDecompressedBytesMax};
  const record::DownConverted whole = record::DownConvert(batches, options);
  if (whole.error != ErrorCode::kNone) INVARIANT(whole.set.empty());
  const Messages messages = ReadSet(whole.set, kPlenty);
  INVARIANT(messages.is_sound);
  options.max_bytes = whole.set.size() / 2;
  const record::DownConverted part = record::DownConvert(batches, options);
  INVARIANT(part.error == whole.error);
  INVARIANT(part.set.size() <= whole.set.size());
  INVARIANT(SameBytes(part.set, Bytes(whole.set).first(part.set.size())));
  if (!whole.set.empty()) INVARIANT(!part.set.empty());
}

void RecompressTo(std::span<std::byte> batch, CodecType codec) {
  record::RecompressOptions options{
      .check = kAnySize,
      .wanted = record::Compression{.codec = codec, .level = std::nullopt},
      .max_bytes = kDecompressedBytesMax};
  const record::Recompressed result = record::Recompress(batch, options);
  if (result.fault.has_value()) {
    INVARIANT(result.batch.empty() && !result.fault->message.empty());
    return;
  }
  INVARIANT(!result.needs_more_bytes);
  const Bytes kept = result.batch.empty() ? Bytes(batch) : Bytes(result.batch);
  INVARIANT(BatchView(kept).codec() == codec);
  INVARIANT(!record::CheckBatch(kept, kAnySize).has_value());
  INVARIANT(!CheckCompressedRecords(kept, kAnySize, kPlenty).has_value());
  INVARIANT(ReadBatch(kept) == ReadBatch(batch));
}

// What clients may send: a base offset of 0, offsets without gaps, no control batch.
void RepairAsSent(std::span<std::byte> batch) {
  const int32_t count =
      std::max(record::LoadBigEndian<int32_t>(batch.data() + record::kRecordCountAt), 1);
  const auto attributes = record::LoadBigEndian<int16_t>(batch.data() + record::kAttributesAt);
  record::StoreBigEndian(batch.data() + record::kBaseOffsetAt, int64_t{0});
  record::StoreBigEndian(batch.data() + record::kRecordCountAt, count);
  record::StoreBigEndian(batch.data() + record::kLastOffsetDeltaAt, count - 1);
  record::StoreBigEndian(batch.data() + record::kAttributesAt,
                         static_cast<int16_t>(attributes & record::kCodecMask));
  RepairBatch(batch);
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::fuzz;
  Input input(data, size);
  const uint8_t how = input.TakeByte();
  std::vector<std::byte> bytes = Copy(input.TakeRest());
  const bool is_raw = (how & kRaw) != 0;
  if ((how & kIsBatches) == 0) {
    if (!is_raw) RepairSet(bytes);
    ConvertUp(bytes);
    return 0;
  }
  if (!is_raw) RepairBatches(bytes);
  ConvertDown(bytes, (how & kMagic1) != 0 ? record::kMagicV1 : record::kMagicV0);
  if (bytes.size() < record::kBatchHeaderBytes) return 0;
  if (!is_raw) RepairAsSent(bytes);
  if (!ClaimsBatch(bytes)) return 0;
  const std::span<std::byte> batch =
      std::span(bytes).first(static_cast<size_t>(record::BatchView(bytes).size_bytes()));
  RecompressTo(batch, static_cast<CodecType>((how >> kCodecShift) % 5));
  return 0;
}

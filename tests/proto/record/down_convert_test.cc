#include "proto/record/down_convert.h"

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "proto/record/message_set.h"
#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

constexpr DownConvertOptions kAll = {
    .magic = kMagicV1, .from = Offset(0), .max_bytes = kPlenty, .max_decompressed_bytes = kPlenty};

Buffer BatchAt(int64_t offset, const std::vector<std::string>& values,
               CodecType codec = CodecType::kNone) {
  std::vector<TestRecord> records;
  for (const std::string& value : values) {
    records.push_back({.timestamp = 1, .key = {}, .value = value, .headers = {}});
  }
  return BuildBatch(records, {.base_offset = Offset(offset), .codec = codec});
}

Buffer Joined(const std::vector<Buffer>& batches) {
  Buffer all;
  for (const Buffer& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

using Seen = std::vector<std::pair<int64_t, std::string>>;

Seen Messages(const DownConverted& converted) {
  CHECK(converted.error == ErrorCode::kNone);
  Seen seen;
  REQUIRE_FALSE(ForEachMessage(converted.set, kPlenty, [&](const MessageView& message) {
                  seen.emplace_back(message.offset.value(), AsText(*message.value));
                }).has_value());
  return seen;
}

}  // namespace

TEST_CASE("down-convert: zstd cannot be expressed; what comes before it is sent") {
  const Buffer zstd = BatchAt(1, {"b"}, CodecType::kZstd);
  const DownConverted alone = DownConvert(zstd, kAll);
  CHECK(alone.error == ErrorCode::kUnsupportedCompressionType);
  CHECK(alone.set.empty());
  CHECK(Messages(DownConvert(Joined({BatchAt(0, {"a"}), zstd}), kAll)) == Seen{{0, "a"}});
}

TEST_CASE("down-convert: a damaged batch is refused, for it would get a checksum that is right") {
  Buffer damaged = BatchAt(0, {"a"});
  damaged.back() ^= std::byte{1};
  CHECK(DownConvert(damaged, kAll).error == ErrorCode::kCorruptMessage);
  for (const int32_t length : {-1, INT32_MIN, 0, 48}) {
    Buffer lies = BatchAt(0, {"a"});
    StoreBigEndian(lies.data() + kBatchLengthAt, length);
    CHECK(DownConvert(lies, kAll).error == ErrorCode::kCorruptMessage);
  }
  Buffer old = BatchAt(0, {"a"});
  old[kMagicAt] = std::byte{1};
  CHECK(DownConvert(old, kAll).error == ErrorCode::kCorruptMessage);
}

TEST_CASE("down-convert: a batch that takes too much memory is refused") {
  DownConvertOptions small = kAll;
  small.max_decompressed_bytes = 10'000;
  for (const CodecType codec : {CodecType::kNone, CodecType::kGzip, CodecType::kLz4}) {
    const Buffer large = BatchAt(0, {std::string(20'000, 'x')}, codec);
    CHECK(DownConvert(large, small).error == ErrorCode::kMessageTooLarge);
  }
  // Its messages take more than its records.
  const Buffer many = BatchAt(0, std::vector<std::string>(900, ""), CodecType::kGzip);
  CHECK(DownConvert(many, kAll).error == ErrorCode::kNone);
  CHECK(DownConvert(many, small).error == ErrorCode::kMessageTooLarge);
}

TEST_CASE("down-convert: bytes that end inside a batch end the set before it") {
  Buffer all = Joined({BatchAt(0, {"a"}), BatchAt(1, {"b"})});
  const size_t first = BatchAt(0, {"a"}).size();
  while (all.size() > first) {
    all.pop_back();
    REQUIRE(Messages(DownConvert(all, kAll)) == Seen{{0, "a"}});
  }
  all.pop_back();
  CHECK(DownConvert(all, kAll).set.empty());
  CHECK(DownConvert({}, kAll).error == ErrorCode::kNone);
}

TEST_CASE("down-convert: the set ends before its limit, but never before its first message") {
  const Buffer batches = Joined({BatchAt(0, {"aaaa", "bbbb"}), BatchAt(2, {"cccc"})});
  const size_t one = DownConvert(BatchAt(0, {"aaaa"}), kAll).set.size();
  DownConvertOptions limited = kAll;
  for (const auto& [max_bytes, count] : {std::pair<size_t, size_t>{0, 1},
                                         {one - 1, 1},
                                         {2 * one - 1, 1},
                                         {2 * one, 2},
                                         {3 * one - 1, 2},
                                         {3 * one, 3}}) {
    limited.max_bytes = max_bytes;
    CHECK(Messages(DownConvert(batches, limited)).size() == count);
  }
  limited.max_bytes = 1;
  const Buffer packed =
      Joined({BatchAt(0, {"a", "b"}, CodecType::kGzip), BatchAt(2, {"c"}, CodecType::kGzip)});
  CHECK(Messages(DownConvert(packed, limited)) == Seen{{0, "a"}, {1, "b"}});
}

TEST_CASE("down-convert: uncompressed records below the wanted offset are left out") {
  DownConvertOptions from = kAll;
  from.from = Offset(2);
  const Seen wanted = {{2, "c"}, {3, "d"}};
  CHECK(Messages(DownConvert(Joined({BatchAt(0, {"a"}), BatchAt(1, {"b", "c", "d"})}), from)) ==
        wanted);
  const Seen whole = {{1, "b"}, {2, "c"}, {3, "d"}};
  CHECK(Messages(DownConvert(BatchAt(1, {"b", "c", "d"}, CodecType::kLz4), from)) == whole);
}

TEST_CASE("down-convert: control batches are left out, gaps between offsets stay") {
  const Buffer control = BuildBatch({{.timestamp = 1, .key = "k", .value = "v", .headers = {}}},
                                    {.base_offset = Offset(1),
                                     .producer = ProducerStamp{ProducerId(1), ProducerEpoch(0), 0},
                                     .transactional = true,
                                     .control = true});
  for (const CodecType codec : {CodecType::kNone, CodecType::kSnappy}) {
    const Buffer batches = Joined({BatchAt(0, {"a"}, codec), control, BatchAt(7, {"b"}, codec)});
    CHECK(Messages(DownConvert(batches, kAll)) == Seen{{0, "a"}, {7, "b"}});
  }
}

}  // namespace millrace::record

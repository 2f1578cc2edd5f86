#include "tests/proto/record/support.h"

#include <fstream>

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"

namespace millrace::record {
namespace {

OptionalText OwnField(const std::optional<Bytes>& field) {
  if (!field.has_value()) return std::nullopt;
  return AsText(*field);
}

std::optional<Bytes> ViewField(const OptionalText& field) {
  if (!field.has_value()) return std::nullopt;
  return AsBytes(*field);
}

// Few different letters, so that there is something to compress.
std::string RandomText(Random& random, size_t max_size) {
  std::string text(random.Below(max_size + 1), ' ');
  for (char& letter : text) letter = static_cast<char>('a' + random.Below(4));
  return text;
}

OptionalText RandomField(Random& random, size_t max_size) {
  if (random.OneIn(5)) return std::nullopt;
  return RandomText(random, random.OneIn(20) ? max_size * 50 : max_size);
}

}  // namespace

TestRecord Own(const RecordView& record) {
  TestRecord owned{.timestamp = record.timestamp.value(),
                   .key = OwnField(record.key),
                   .value = OwnField(record.value),
                   .headers = {}};
  HeaderReader headers(record);
  while (auto header = headers.Next()) {
    owned.headers.emplace_back(header->key, OwnField(header->value));
  }
  return owned;
}

std::vector<TestRecord> RandomRecords(Random& random) {
  std::vector<TestRecord> records(1 + random.Below(random.OneIn(4) ? 300 : 6));
  const auto base = static_cast<int64_t>(random.Below(2'000'000'000'000));
  for (TestRecord& record : records) {
    record.timestamp = base + static_cast<int64_t>(random.Below(200'000)) - 100'000;
    record.key = RandomField(random, 40);
    record.value = RandomField(random, 400);
    for (uint64_t left = random.OneIn(3) ? random.Below(4) : 0; left > 0; --left) {
      record.headers.emplace_back(RandomText(random, 10), RandomField(random, 20));
    }
  }
  return records;
}

void AddTo(BatchBuilder& builder, const TestRecord& record) {
  std::vector<NewHeader> headers;
  for (const auto& [key, value] : record.headers) {
    headers.push_back({.key = key, .value = ViewField(value)});
  }
  builder.Add({.timestamp = TimestampMs(record.timestamp),
               .key = ViewField(record.key),
               .value = ViewField(record.value),
               .headers = headers});
}

Buffer BuildBatch(const std::vector<TestRecord>& records, const BatchBuilderOptions& options) {
  BatchBuilder builder(options);
  for (const TestRecord& record : records) AddTo(builder, record);
  absl::StatusOr<Buffer> batch = std::move(builder).Build();
  REQUIRE(batch.ok());
  return *std::move(batch);
}

Buffer SmallBatch(CodecType codec) {
  const std::vector<TestRecord> records = {
      {.timestamp = 1000, .key = "k", .value = "first", .headers = {{"h", "v"}, {"n", {}}}},
      {.timestamp = 1001, .key = {}, .value = "second", .headers = {}},
      {.timestamp = 1002, .key = "gone", .value = {}, .headers = {}}};
  return BuildBatch(records, {.codec = codec});
}

Buffer BatchAround(Bytes block, int32_t record_count, CodecType codec) {
  Buffer batch = SmallBatch();
  batch.resize(kBatchHeaderBytes);
  batch.insert(batch.end(), block.begin(), block.end());
  StoreBigEndian(batch.data() + kBatchLengthAt,
                 static_cast<int32_t>(batch.size() - kBatchPrefixBytes));
  StoreBigEndian(batch.data() + kAttributesAt, static_cast<int16_t>(codec));
  StoreBigEndian(batch.data() + kLastOffsetDeltaAt, record_count - 1);
  StoreBigEndian(batch.data() + kRecordCountAt, record_count);
  FixCrc(batch);
  return batch;
}

void Tamper(Buffer& batch, size_t position, int64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i) {
    batch[position + i] = static_cast<std::byte>(value >> (8 * (width - 1 - i)));
  }
  FixCrc(batch);
}

void FixCrc(Buffer& batch) {
  const int64_t size = BatchView(batch).size_bytes();
  // A length that lies leaves nothing to sum over.
  if (size < static_cast<int64_t>(kBatchHeaderBytes)) return;
  if (size > static_cast<int64_t>(batch.size())) return;
  StoreBigEndian(batch.data() + kCrcAt, static_cast<int32_t>(ComputeBatchCrc(batch)));
}

Buffer ReadHex(const std::string& path) {
  std::ifstream file(std::string(MILLRACE_TEST_DATA) + "/" + path);
  REQUIRE(file.good());
  std::string digits;
  for (std::string line; std::getline(file, line);) digits += line;
  Buffer bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

}  // namespace millrace::record

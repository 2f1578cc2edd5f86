// What the tests of this folder share: bytes, seeded random records, batches that were tampered
// with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/record/batch.h"
#include "proto/record/batch_builder.h"
#include "proto/record/record_reader.h"

namespace millrace::record {

using Bytes = std::span<const std::byte>;
using Buffer = std::vector<std::byte>;

inline constexpr CodecType kAllCodecs[] = {CodecType::kNone, CodecType::kGzip, CodecType::kSnappy,
                                           CodecType::kLz4, CodecType::kZstd};
inline constexpr CheckOptions kNoLimits = {.max_batch_bytes = int64_t{1} << 31};
inline constexpr size_t kPlenty = size_t{64} << 20;

inline Bytes AsBytes(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string AsText(Bytes bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}
inline Buffer Copy(Bytes bytes) { return Buffer(bytes.begin(), bytes.end()); }

// The splitmix64 generator: the same numbers from a seed on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

using OptionalText = std::optional<std::string>;

// A record that owns what it holds.
struct TestRecord {
  int64_t timestamp = 0;
  OptionalText key;
  OptionalText value;
  std::vector<std::pair<std::string, OptionalText>> headers;

  friend bool operator==(const TestRecord&, const TestRecord&) = default;
};

TestRecord Own(const RecordView& record);
std::vector<TestRecord> RandomRecords(Random& random);

void AddTo(BatchBuilder& builder, const TestRecord& record);
// Fails the running test case when it cannot be built.
Buffer BuildBatch(const std::vector<TestRecord>& records, const BatchBuilderOptions& options = {});
// Three records with timestamps 1000, 1001, 1002.
Buffer SmallBatch(CodecType codec = CodecType::kNone);
// A batch whose record block is `block`, as it stands: header of SmallBatch, lengths and CRC right.
Buffer BatchAround(Bytes block, int32_t record_count, CodecType codec = CodecType::kNone);

// Writes a header field of a batch, big-endian, and corrects the CRC.
void Tamper(Buffer& batch, size_t position, int64_t value, size_t width);
void FixCrc(Buffer& batch);

// The bytes of a file of hex text below tests/data/.
Buffer ReadHex(const std::string& path);

}  // namespace millrace::record

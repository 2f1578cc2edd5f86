// A topic's directory written by Apache Kafka 4.3.0 (tests/data/kafka-4.3.0/README.md), opened by
// our log from a copy on the real file system.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "storage/log.h"
#include "storage/segment_files.h"
#include "tests/storage/log_fixture.h"
#include "tests/support/temporary_directory.h"

namespace millrace::storage {
namespace {

namespace fs = std::filesystem;
using test::kNow;

// tests/storage/kafka_directory_test.cc -> tests/data/kafka-4.3.0
const fs::path kData = fs::path(MILLRACE_TEST_DATA) / "kafka-4.3.0";
constexpr int64_t kKafkaIndexBytes = 10 << 20;
constexpr Offset kEnd{720};

class TemporaryCopy {
 public:
  TemporaryCopy() { fs::copy(kData / "orders-0", directory()); }

  std::string directory() const { return root_.path() + "/orders-0"; }

 private:
  test::TemporaryDirectory root_;
};

std::string Text(const std::optional<std::span<const std::byte>>& bytes) {
  if (!bytes.has_value()) return "-";
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

// The records as the lines of orders-0.records.tsv.
std::vector<std::string> Lines(const Log& log) {
  std::vector<std::string> lines;
  Offset next = log.log_start_offset();
  while (next < log.log_end()) {
    const auto read = log.Read({.from = next, .limit = log.log_end(), .max_bytes = 1});
    REQUIRE(read.ok());
    const std::vector<std::byte> batch = test::BytesOf(read->slice);
    REQUIRE(record::IsIntact(batch));
    const auto status = record::ForEachRecord(batch, size_t{1} << 20, [&](const auto& record) {
      std::string headers;
      record::HeaderReader reader(record);
      while (auto header = reader.Next()) headers += header->key;
      lines.push_back(fmt::format("{}\t{}\t{}\t{}\t{}", record.offset.value(),
                                  record.timestamp.value(), Text(record.key),
                                  headers.empty() ? "-" : headers, Text(record.value)));
      return record::Walk::kGoOn;
    });
    REQUIRE(status.ok());
    next = record::BatchView(batch).next_offset();
  }
  return lines;
}

std::vector<std::string> ExpectedLines() {
  std::ifstream file(kData / "orders-0.records.tsv");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  REQUIRE(lines.size() == static_cast<size_t>(kEnd.value()));
  return lines;
}

std::unique_ptr<Log> Open(const TemporaryCopy& copy, const OpenOptions& how) {
  auto log =
      Log::Open(PosixFileSystem(), copy.directory(), {.index_interval_bytes = 512}, how, kNow);
  INFO(log.status().ToString());
  REQUIRE(log.ok());
  return *std::move(log);
}

std::map<std::string, std::string> FilesOf(const TemporaryCopy& copy) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(copy.directory())) {
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path().filename()] = {std::istreambuf_iterator<char>(file), {}};
  }
  return files;
}

}  // namespace

TEST_CASE("kafka directory: damage below the recovery point is refused and changes nothing") {
  TemporaryCopy copy;
  const std::string path = copy.directory() + "/00000000000000000309.log";
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4000);
    file.put('\xff');
  }
  const auto before = FilesOf(copy);
  const auto log = Log::Open(PosixFileSystem(), copy.directory(), {}, {.clean = false}, kNow);
  CHECK(absl::IsDataLoss(log.status()));
  CHECK(FilesOf(copy) == before);
}

TEST_CASE("kafka directory: after a clean shutdown it is trusted and reads the same") {
  TemporaryCopy copy;
  const auto before = FilesOf(copy);
  auto log = Open(copy, {.clean = true, .recovery_point = kEnd});
  CHECK(log->log_end() == kEnd);
  CHECK(log->recovery_report().segments == 5);
  CHECK(log->recovery_report().scanned_bytes == 0);
  CHECK(log->recovery_report().rebuilt_indexes == 0);
  CHECK(log->latest_epoch() == LeaderEpoch(0));
  CHECK(Lines(*log) == ExpectedLines());
  CHECK(FilesOf(copy) == before);
}

TEST_CASE(
    "kafka directory: rebuilt indexes and closed files are the same as Kafka's, byte for byte") {
  TemporaryCopy copy;
  const auto before = FilesOf(copy);
  // As Kafka's active segment is after a crash: preallocated indexes, no snapshot of the end.
  const std::string active = copy.directory() + "/00000000000000000632";
  fs::resize_file(active + ".index", kKafkaIndexBytes);
  fs::resize_file(active + ".timeindex", kKafkaIndexBytes - kKafkaIndexBytes % 12);
  fs::remove(copy.directory() + "/00000000000000000720.snapshot");
  auto log = Open(copy, {.clean = false});
  CHECK(log->log_end() == kEnd);
  CHECK(log->recovery_report().scanned_bytes == log->size_bytes());
  CHECK(Lines(*log) == ExpectedLines());
  REQUIRE(log->Close().ok());
  auto after = FilesOf(copy);
  for (const auto& [name, bytes] : before) {
    INFO(name);
    const bool is_snapshot = name.ends_with(kSnapshotSuffix);  // ours remembers five batches
    CHECK(after.contains(name));
    if (!is_snapshot) CHECK(after[name] == bytes);
  }
}

TEST_CASE("kafka directory: a producer that wrote to Kafka goes on where it was") {
  TemporaryCopy copy;
  auto log = Open(copy, {.clean = true, .recovery_point = kEnd});
  const auto batch_of = [](int32_t sequence) {
    return test::MakeBatch(
        {{"next"}},
        {.producer = record::ProducerStamp{
             .id = ProducerId(0), .epoch = ProducerEpoch(0), .base_sequence = sequence}});
  };
  auto gap = batch_of(61);
  CHECK(test::AppendTo(*log, gap)->error == ErrorCode::kOutOfOrderSequenceNumber);
  auto next = batch_of(60);
  CHECK(test::AppendTo(*log, next)->error == ErrorCode::kNone);
}

TEST_CASE("kafka directory: records are found by time") {
  TemporaryCopy copy;
  auto log = Open(copy, {.clean = true, .recovery_point = kEnd});
  struct Line {
    Offset offset;
    TimestampMs timestamp;
  };
  std::vector<Line> lines;
  for (const std::string& line : ExpectedLines()) {
    const size_t tab = line.find('\t');
    lines.push_back({Offset(std::stoll(line)), TimestampMs(std::stoll(line.substr(tab + 1)))});
  }
  for (const Line& wanted : lines) {
    const auto expected = std::find_if(lines.begin(), lines.end(), [&](const Line& line) {
      return line.timestamp >= wanted.timestamp;
    });
    const auto found = Log::ScanForTimestamp(log->SlicesForTimestamp(wanted.timestamp, kEnd),
                                             wanted.timestamp, kEnd);
    REQUIRE(found.ok());
    REQUIRE(found->has_value());
    CHECK((*found)->offset == expected->offset);
  }
}

}  // namespace millrace::storage

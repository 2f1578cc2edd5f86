// Reads that may not wait for the disk: what they say is missing, and that they touch nothing else.
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "storage/log.h"
#include "tests/storage/log_fixture.h"

namespace millrace::storage {
namespace {

using test::AppendOk;
using test::BytesOf;
using test::kLogDirectory;
using test::kNow;
using test::MakeLogDisk;
using test::RunJob;

constexpr int64_t kBatchBytes = 5000;
constexpr int64_t kAsked = 64 << 10;

// A log of batches of one record each, all of it durable and rolled over several segments.
std::unique_ptr<Log> MakeLog(test::FaultFileSystem& fs, int batches) {
  auto log = Log::Open(fs, kLogDirectory, {.segment_bytes = 500'000}, {}, kNow);
  REQUIRE(log.ok());
  for (int i = 0; i < batches; ++i) {
    AppendOk(**log, {{.value = std::string(kBatchBytes, static_cast<char>('a' + i % 26))}});
  }
  RunJob((*log)->Flush());
  return *std::move(log);
}

ReadResult Read(const Log& log, Offset from, std::optional<int64_t> resident_bytes = kAsked) {
  auto read = log.Read({.from = from,
                        .limit = log.log_end(),
                        .max_bytes = 3 * kBatchBytes,
                        .resident_bytes = resident_bytes});
  INFO(read.status().ToString());
  REQUIRE(read.ok());
  REQUIRE(read->error == ErrorCode::kNone);
  return *std::move(read);
}

void Load(const FileSlice& slice) {
  REQUIRE(slice.size > 0);
  REQUIRE(slice.file->Load(slice.position, slice.size).ok());
}

TEST_CASE("log: a read that is told not to wait for the disk says what is missing") {
  test::FaultFileSystem fs = MakeLogDisk();
  auto log = MakeLog(fs, 300);
  fs.Evict(kLogDirectory);
  // The index first, then the log from the index entry on with what is likely to be wanted.
  ReadResult read = Read(*log, Offset(50));
  CHECK(read.slice.size == 0);
  Load(read.missing);
  read = Read(*log, Offset(50));
  CHECK(read.missing.size == kAsked);
  Load(read.missing);
  read = Read(*log, Offset(50));
  CHECK(read.missing.size == 0);
  CHECK(read.is_resident);
  CHECK_FALSE(read.is_active);
  CHECK(fs.cache().cold_reads() == 0);
  CHECK(record::BatchView(BytesOf(read.slice)).base_offset() == Offset(50));
  CHECK(fs.cache().cold_reads() == 0);
}

TEST_CASE("log: a slice whose pages have gone is found and said not to be resident") {
  test::FaultFileSystem fs = MakeLogDisk();
  auto log = MakeLog(fs, 300);
  fs.Evict("00000.log");
  fs.Evict("99999.log");                      // of no file
  ReadResult read = Read(*log, Offset(299));  // in memory, with its place
  CHECK(read.missing.size == 0);
  CHECK(read.slice.size > 0);
  CHECK(read.is_active);
  CHECK(read.is_resident);
  fs.Evict(".log");
  read = Read(*log, Offset(299));
  CHECK(read.slice.size > 0);
  CHECK_FALSE(read.is_resident);
  Load(read.slice);
  CHECK(Read(*log, Offset(299)).is_resident);
}

TEST_CASE("log: what is not synced yet is in memory, and not asked about") {
  test::FaultFileSystem fs = MakeLogDisk();
  auto log = Log::Open(fs, kLogDirectory, {}, {}, kNow);
  REQUIRE(log.ok());
  AppendOk(**log, {{.value = "a"}});
  fs.Evict(kLogDirectory);
  CHECK(Read(**log, Offset(0)).is_resident);
  RunJob((*log)->Flush());
  CHECK_FALSE(Read(**log, Offset(0)).is_resident);
}

TEST_CASE("log: every record of a cold log is read without one read that waits") {
  test::FaultFileSystem fs = MakeLogDisk();
  auto log = MakeLog(fs, 300);
  fs.Evict(kLogDirectory);
  Offset next(0);
  while (next < log->log_end()) {
    ReadResult read = Read(*log, next);
    if (read.missing.size > 0) {
      Load(read.missing);
    } else if (!read.is_resident) {
      Load(read.slice);
    } else {
      const std::vector<std::byte> bytes = BytesOf(read.slice);
      const record::BatchView batch(bytes);
      CHECK(batch.base_offset() == next);
      next = batch.next_offset();
    }
  }
  CHECK(fs.cache().cold_reads() == 0);
}

TEST_CASE("log: a read that may wait asks nothing") {
  test::FaultFileSystem fs = MakeLogDisk();
  auto log = MakeLog(fs, 300);
  fs.Evict(kLogDirectory);
  const ReadResult read = Read(*log, Offset(50), std::nullopt);
  CHECK(read.slice.size > 0);
  CHECK(read.is_resident);
  CHECK(fs.cache().cold_reads() > 0);
}

}  // namespace
}  // namespace millrace::storage

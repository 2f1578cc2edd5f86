// What the tests of the log share: batches to append, jobs run to their end, records read back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "proto/record/batch_builder.h"
#include "proto/record/open_batch.h"
#include "storage/log.h"
#include "tests/support/fault_file_system.h"

namespace millrace::test {

inline constexpr TimestampMs kNow{1'700'000'000'000};
inline constexpr LeaderEpoch kEpoch{0};

inline constexpr char kLogDirectory[] = "/data/orders-0";

// A simulated disk on which the partition's directory exists durably.
inline FaultFileSystem MakeLogDisk() {
  FaultFileSystem fs;
  REQUIRE(fs.CreateDirectories(kLogDirectory).ok());
  fs.SyncAll();
  return fs;
}

inline std::unique_ptr<storage::Log> OpenTestLog(storage::FileSystem& fs,
                                                 const storage::LogOptions& options = {},
                                                 const storage::OpenOptions& how = {}) {
  auto log = storage::Log::Open(fs, kLogDirectory, options, how, kNow);
  INFO(log.status().ToString());
  REQUIRE(log.ok());
  return *std::move(log);
}

struct TestRecord {
  std::string value;
  TimestampMs timestamp = kNow;
  friend bool operator==(const TestRecord&, const TestRecord&) = default;
};

inline std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::vector<std::byte> MakeBatch(const std::vector<TestRecord>& records,
                                        const record::BatchBuilderOptions& options = {}) {
  record::BatchBuilder builder(options);
  for (const TestRecord& record : records) {
    builder.Add({.timestamp = record.timestamp, .value = BytesOf(record.value)});
  }
  auto batch = std::move(builder).Build();
  REQUIRE(batch.ok());
  return *std::move(batch);
}

inline void RunJob(storage::DiskJob job) {
  const absl::Status status = job.run();
  INFO(status.ToString());
  REQUIRE(status.ok());
  job.finish();
}

// Appends as a shard does: rolls first where that is needed.
inline absl::StatusOr<storage::AppendResult> AppendTo(storage::Log& log, std::span<std::byte> batch,
                                                      TimestampMs now = kNow,
                                                      LeaderEpoch epoch = kEpoch) {
  if (log.NeedsRoll(static_cast<int64_t>(batch.size()), now)) {
    storage::DiskJob roll = log.Roll(now);
    if (absl::Status status = roll.run(); !status.ok()) return status;
    roll.finish();
  }
  return log.Append(batch, {.leader_epoch = epoch, .now = now});
}

inline storage::AppendResult AppendOk(storage::Log& log, const std::vector<TestRecord>& records,
                                      TimestampMs now = kNow) {
  std::vector<std::byte> batch = MakeBatch(records);
  auto result = AppendTo(log, batch, now);
  INFO(result.status().ToString());
  REQUIRE(result.ok());
  INFO(result->message);
  REQUIRE(result->error == ErrorCode::kNone);
  return *std::move(result);
}

inline std::vector<std::byte> BytesOf(const storage::FileSlice& slice) {
  std::vector<std::byte> bytes(static_cast<size_t>(slice.size));
  if (bytes.empty()) return bytes;
  const auto read = slice.file->ReadAt(slice.position, bytes);
  REQUIRE(read.ok());
  REQUIRE(*read == bytes.size());
  return bytes;
}

// The records of whole batches, with `visit(offset, record)`.
template <class Visit>
void VisitRecords(std::span<const std::byte> bytes, Visit visit) {
  while (!bytes.empty()) {
    REQUIRE(record::IsIntact(bytes));
    const auto size = static_cast<size_t>(record::BatchView(bytes).size_bytes());
    const absl::Status status = record::ForEachRecord(
        bytes.first(size), size_t{1} << 24, [&](const record::RecordView& record) {
          const auto value = record.value.value_or(std::span<const std::byte>());
          visit(record.offset,
                TestRecord{.value = {reinterpret_cast<const char*>(value.data()), value.size()},
                           .timestamp = record.timestamp});
          return record::Walk::kGoOn;
        });
    REQUIRE(status.ok());
    bytes = bytes.subspan(size);
  }
}

// Everything from `from` to `limit` as a consumer sees it: one read after the other.
inline std::vector<TestRecord> ReadAll(const storage::Log& log, Offset from,
                                       std::optional<Offset> limit = std::nullopt,
                                       int64_t max_bytes = 1) {
  std::vector<TestRecord> records;
  Offset next = from;
  while (true) {
    auto read =
        log.Read({.from = next, .limit = limit.value_or(log.log_end()), .max_bytes = max_bytes});
    INFO(read.status().ToString());
    REQUIRE(read.ok());
    REQUIRE(read->error == ErrorCode::kNone);
    std::vector<std::byte> bytes = BytesOf(read->slice);
    if (bytes.empty()) return records;
    // A slice may end inside a batch.
    size_t whole = 0;
    while (bytes.size() - whole >= record::kBatchHeaderBytes) {
      const record::BatchView batch(std::span(bytes).subspan(whole));
      if (whole + static_cast<size_t>(batch.size_bytes()) > bytes.size()) break;
      whole += static_cast<size_t>(batch.size_bytes());
    }
    REQUIRE(whole > 0);
    VisitRecords(std::span(bytes).first(whole), [&](Offset offset, TestRecord record) {
      if (offset < next) return;
      REQUIRE(offset == next);
      records.push_back(std::move(record));
      next = next + 1;
    });
  }
}

}  // namespace millrace::test

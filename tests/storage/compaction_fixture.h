// What the tests of compaction share: keyed batches, transaction markers, cleanings run to their
// end, and the log read back with keys and gaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "proto/record/batch_builder.h"
#include "storage/compaction.h"
#include "storage/segment_files.h"
#include "tests/storage/log_fixture.h"

namespace millrace::test {

struct KeyedRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  TimestampMs timestamp = kNow;
  friend bool operator==(const KeyedRecord&, const KeyedRecord&) = default;
};

inline std::optional<std::span<const std::byte>> BytesOf(const std::optional<std::string>& text) {
  if (!text.has_value()) return std::nullopt;
  return BytesOf(std::string_view(*text));
}

inline std::vector<std::byte> KeyedBatch(const std::vector<KeyedRecord>& records,
                                         const record::BatchBuilderOptions& options = {}) {
  record::BatchBuilder builder(options);
  for (const KeyedRecord& record : records) {
    builder.Add({.timestamp = record.timestamp,
                 .key = BytesOf(record.key),
                 .value = BytesOf(record.value)});
  }
  auto batch = std::move(builder).Build();
  REQUIRE(batch.ok());
  return *std::move(batch);
}

// A transaction's end as a coordinator writes it.
inline std::vector<std::byte> MarkerBatch(ProducerId producer, bool is_commit, Offset base,
                                          TimestampMs now = kNow) {
  std::string key(4, '\0');
  key[3] = is_commit ? '\1' : '\0';
  return KeyedBatch({{.key = key, .value = std::string(6, '\0'), .timestamp = now}},
                    {.base_offset = base,
                     .leader_epoch = kEpoch,
                     .producer = record::ProducerStamp{producer, ProducerEpoch(0), -1},
                     .transactional = true,
                     .control = true});
}

inline storage::AppendResult AppendKeyed(storage::Log& log, const std::vector<KeyedRecord>& records,
                                         const record::BatchBuilderOptions& options = {},
                                         TimestampMs now = kNow) {
  std::vector<std::byte> batch = KeyedBatch(records, options);
  auto result = AppendTo(log, batch, now);
  INFO(result.status().ToString());
  REQUIRE(result.ok());
  INFO(result->message);
  REQUIRE(result->error == ErrorCode::kNone);
  return *std::move(result);
}

// Writes into the last segment behind the log's back; the log must be closed.
inline void WriteAtEnd(FaultFileSystem& fs, std::span<const std::byte> batch) {
  std::string last;
  const auto names = fs.List(kLogDirectory);
  REQUIRE(names.ok());
  for (const std::string& name : *names) {
    if (name.ends_with(storage::kLogSuffix)) last = std::string(kLogDirectory) + "/" + name;
  }
  auto file = fs.Open(last, storage::OpenMode::kReadWrite);
  REQUIRE(file.ok());
  const auto size = (*file)->Size();
  REQUIRE(size.ok());
  REQUIRE((*file)->WriteAt(*size, batch).ok());
  REQUIRE((*file)->Sync().ok());
}

// A segment that can be cleaned: rolled, then sealed by a flush.
inline void RollAndSeal(storage::Log& log, TimestampMs now = kNow) {
  RunJob(log.Roll(now));
  RunJob(log.Flush());
}

inline storage::CompactionRequest CompactionAt(const storage::Log& log, TimestampMs now = kNow) {
  return {.limit = log.durable_end(),
          .now = now,
          .seed = 7,
          .map_bytes = 1 << 16,
          .buffer_bytes = 512,
          .opened_bytes_max = 1 << 20};
}

inline storage::CompactionReport RunCompaction(storage::Log& log,
                                               storage::CompactionRequest request) {
  storage::CompactionJob cleaning = log.Compact(std::move(request));
  RunJob(std::move(cleaning.job));
  return *cleaning.report;
}

inline storage::CompactionReport CompactOk(storage::Log& log, TimestampMs now = kNow) {
  storage::CompactionReport report = RunCompaction(log, CompactionAt(log, now));
  INFO(report.status.ToString());
  REQUIRE(report.status.ok());
  return report;
}

inline std::vector<std::string> LogFiles(FaultFileSystem& fs) {
  auto names = fs.List(kLogDirectory);
  REQUIRE(names.ok());
  return *std::move(names);
}

struct ReadLog {
  std::map<Offset, KeyedRecord> records;  // control batches left out
  std::vector<Offset> markers;            // bases of control batches with a record
  std::vector<Offset> empties;            // bases of batches without records
};

// Everything from the log's start, one read after the other, as a consumer goes on: behind the
// last offset of each batch.
inline ReadLog ReadKeyed(const storage::Log& log) {
  ReadLog all;
  Offset next = log.log_start_offset();
  while (next < log.log_end()) {
    auto read = log.Read({.from = next, .limit = log.log_end(), .max_bytes = 1});
    INFO(read.status().ToString());
    REQUIRE(read.ok());
    REQUIRE(read->error == ErrorCode::kNone);
    const std::vector<std::byte> bytes = BytesOf(read->slice);
    REQUIRE(record::IsIntact(bytes));
    const record::BatchView batch(bytes);
    REQUIRE(batch.next_offset() > next);
    if (batch.record_count() == 0) {
      all.empties.push_back(batch.base_offset());
    } else if (batch.is_control()) {
      all.markers.push_back(batch.base_offset());
    } else {
      const auto text =
          [](const std::optional<std::span<const std::byte>>& field) -> std::optional<std::string> {
        if (!field.has_value()) return std::nullopt;
        return std::string(reinterpret_cast<const char*>(field->data()), field->size());
      };
      const absl::Status walked =
          record::ForEachRecord(bytes, size_t{1} << 24, [&](const record::RecordView& record) {
            REQUIRE(record.offset <= batch.last_offset());
            if (record.offset < next) return record::Walk::kGoOn;
            const bool is_new =
                all.records
                    .emplace(record.offset,
                             KeyedRecord{text(record.key), text(record.value), record.timestamp})
                    .second;
            REQUIRE(is_new);
            return record::Walk::kGoOn;
          });
      REQUIRE(walked.ok());
    }
    next = batch.next_offset();
  }
  return all;
}

}  // namespace millrace::test

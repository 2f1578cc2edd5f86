// A small data directory on a simulated disk, as a broker leaves it when it is closed in order: one
// partition with three segments, an idempotent producer and compressed batches.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/topic_id_text.h"
#include "storage/checkpoint_file.h"
#include "storage/data_directory_names.h"
#include "storage/meta_properties.h"
#include "storage/partition_directory.h"
#include "storage/verify_directory.h"
#include "tests/storage/log_fixture.h"

namespace millrace::test {

inline constexpr char kDataDirectory[] = "/data";

inline void Put(FaultFileSystem& fs, const std::string& path, std::string_view content) {
  REQUIRE(storage::ReplaceFile(fs, path, content).ok());
}

inline std::string InData(std::string_view name) {
  return std::string(kDataDirectory) + "/" + std::string(name);
}

inline std::string InPartition(std::string_view name) {
  return std::string(kLogDirectory) + "/" + std::string(name);
}

// What its log was given: nine batches of one or two records, three to a segment.
inline constexpr int kVerifyBatches = 9;

inline void FillLog(storage::Log& log) {
  for (int i = 0; i < kVerifyBatches; ++i) {
    record::BatchBuilderOptions options;
    options.producer = record::ProducerStamp{
        .id = ProducerId(7),
        .epoch = ProducerEpoch(0),
        .base_sequence =
            log.log_end().value() > 0 ? static_cast<int32_t>(log.log_end().value()) : 0};
    if (i % 3 == 1) options.codec = record::CodecType::kLz4;
    std::vector<TestRecord> records{{.value = "first", .timestamp = kNow + i}};
    if (i % 2 == 1) records.push_back({.value = "second", .timestamp = kNow + i});
    std::vector<std::byte> batch = MakeBatch(records, options);
    const auto appended = AppendTo(log, batch);
    REQUIRE(appended.ok());
    INFO(appended->message);
    REQUIRE(appended->error == ErrorCode::kNone);
    if (i % 3 == 2 && i + 1 < kVerifyBatches) RunJob(log.Roll(kNow));
  }
}

// Returns the log's end.
inline Offset MakeDataDirectory(FaultFileSystem& fs) {
  REQUIRE(fs.CreateDirectories(kLogDirectory).ok());
  Put(fs, InData(storage::kMetaProperties),
      storage::EncodeMetaProperties({.cluster_id = "c", .node_id = BrokerId(1)}));
  TopicId id;
  id.bytes.fill(std::byte{0x42});
  REQUIRE(storage::WritePartitionMetadata(fs, kLogDirectory, id).ok());
  auto log = storage::Log::Open(fs, kLogDirectory, {.index_interval_bytes = 1}, {}, kNow);
  REQUIRE(log.ok());
  FillLog(**log);
  RunJob((*log)->Flush());
  const Offset end = (*log)->log_end();
  REQUIRE((*log)->Close().ok());
  Put(fs, InData(storage::kRecoveryPoints),
      storage::EncodeCheckpoint({{"orders", PartitionIndex(0), end}}));
  Put(fs, InData(storage::kLogStarts),
      storage::EncodeCheckpoint({{"orders", PartitionIndex(0), Offset(0)}}));
  Put(fs, InData(storage::kCleanMarker), "{}");
  return end;
}

struct Verified {
  std::vector<storage::Finding> findings;
  absl::StatusOr<storage::DirectoryReport> report = absl::UnknownError("not run");
  int64_t read_bytes = 0;

  int64_t Count(storage::Severity severity) const {
    int64_t count = 0;
    for (const auto& finding : findings) count += finding.severity == severity ? 1 : 0;
    return count;
  }
  int64_t errors() const { return Count(storage::Severity::kError); }
  // The first of this kind; null: there is none.
  const storage::Finding* Find(storage::FindingKind kind) const {
    for (const auto& finding : findings) {
      if (finding.kind == kind) return &finding;
    }
    return nullptr;
  }
  std::string Text() const {
    std::string text;
    for (const auto& finding : findings) {
      text += std::string(finding.severity == storage::Severity::kError ? "error " : "notice ") +
              finding.path + " @" + std::to_string(finding.position.value_or(-1)) + " [" +
              std::string(FindingName(finding.kind)) + "] " + finding.what + "\n";
    }
    return text;
  }
};

inline Verified Verify(storage::FileSystem& fs, const std::string& path = kDataDirectory,
                       const storage::VerifyOptions& options = {}) {
  Verified verified;
  const auto found = [&](storage::Finding finding) {
    verified.findings.push_back(std::move(finding));
  };
  const auto read = [&](int64_t bytes) { verified.read_bytes += bytes; };
  verified.report = storage::VerifyDirectory(fs, path, options, {.found = found, .read = read});
  return verified;
}

}  // namespace millrace::test

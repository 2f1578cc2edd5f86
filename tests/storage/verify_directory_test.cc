#include "storage/verify_directory.h"

#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "storage/segment_files.h"
#include "tests/storage/verify_fixture.h"

namespace millrace::storage {
namespace {

using test::FaultFileSystem;
using test::InData;
using test::InPartition;
using test::Put;
using test::Verified;
using test::Verify;

// The positions of the batches in a segment's log.
std::vector<int64_t> PositionsOf(FaultFileSystem& fs, const std::string& path) {
  const auto bytes = ReadWholeFile(fs, path);
  REQUIRE(bytes.ok());
  std::vector<int64_t> positions;
  auto rest = std::as_bytes(std::span(*bytes));
  while (!rest.empty()) {
    positions.push_back(static_cast<int64_t>(bytes->size() - rest.size()));
    rest = rest.subspan(static_cast<size_t>(record::BatchView(rest).size_bytes()));
  }
  return positions;
}

std::vector<std::string> FilesWith(FaultFileSystem& fs, std::string_view suffix) {
  std::vector<std::string> paths;
  const auto names = fs.List(test::kLogDirectory);
  REQUIRE(names.ok());
  for (const std::string& name : *names) {
    if (name.ends_with(suffix)) paths.push_back(InPartition(name));
  }
  return paths;
}

void Append(FaultFileSystem& fs, const std::string& path, std::string_view bytes) {
  auto content = ReadWholeFile(fs, path);
  REQUIRE(content.ok());
  Put(fs, path, *content + std::string(bytes));
}

void CutTo(FaultFileSystem& fs, const std::string& path, size_t bytes) {
  auto content = ReadWholeFile(fs, path);
  REQUIRE(content.ok());
  Put(fs, path, content->substr(0, bytes));
}

// As after a crash, with everything below `recovery_point` known to be synced.
void MakeUnclean(FaultFileSystem& fs, Offset recovery_point) {
  REQUIRE(fs.RemoveFile(InData(kCleanMarker)).ok());
  Put(fs, InData(kRecoveryPoints),
      EncodeCheckpoint({{"orders", PartitionIndex(0), recovery_point}}));
}

// Flips every bit of the file in turn; each must be an error.
void CheckEveryBit(FaultFileSystem& fs, const std::string& path) {
  const auto bytes = ReadWholeFile(fs, path);
  REQUIRE(bytes.ok());
  for (int64_t at = 0; at < static_cast<int64_t>(bytes->size()); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      fs.FlipBit(path, at, bit);
      const Verified verified = Verify(fs);
      if (verified.errors() == 0) FAIL(path << " byte " << at << " bit " << bit << " is not seen");
      fs.FlipBit(path, at, bit);
    }
  }
}

std::string LastLog(FaultFileSystem& fs) { return FilesWith(fs, ".log").back(); }

}  // namespace

TEST_CASE("verify: what is no data directory cannot be looked at") {
  FaultFileSystem fs;
  CHECK(absl::IsNotFound(Verify(fs, "/nowhere").report.status()));
  REQUIRE(fs.CreateDirectories("/empty").ok());
  CHECK(absl::IsNotFound(Verify(fs, "/empty").report.status()));
}

TEST_CASE("verify: nothing is found in a whole directory, and nothing is written") {
  FaultFileSystem fs;
  const Offset end = test::MakeDataDirectory(fs);
  const auto names = fs.List(test::kLogDirectory);
  using test::Operation;
  for (const Operation change :
       {Operation::kWrite, Operation::kTruncate, Operation::kPreallocate, Operation::kSync,
        Operation::kRename, Operation::kRemoveFile, Operation::kCreateDirectories}) {
    fs.Inject({.operation = change, .status = absl::InternalError("a change"), .times = 1000});
  }
  const Verified verified = Verify(fs);
  INFO(verified.Text());
  REQUIRE(verified.report.ok());
  CHECK(verified.findings.empty());
  CHECK(*fs.List(test::kLogDirectory) == *names);
  CHECK(verified.report->was_closed);
  REQUIRE(verified.report->partitions.size() == 1);
  const PartitionSummary& partition = verified.report->partitions[0];
  CHECK(partition.segments == 3);
  CHECK(partition.sum.batches == test::kVerifyBatches);
  CHECK(partition.sum.records == end.value());
  CHECK(partition.sum.next_offset == end);
  CHECK(partition.sum.missing_offsets == 0);
  CHECK(partition.sum.index_entries > 0);
  CHECK(verified.read_bytes == partition.sum.bytes);
  CHECK(verified.read_bytes == LogBytesOf(fs, test::kDataDirectory));
}

TEST_CASE("verify: no flipped bit of a log goes unseen") {
  FaultFileSystem fs;
  test::MakeDataDirectory(fs);
  for (const std::string& path : FilesWith(fs, ".log")) CheckEveryBit(fs, path);
}

TEST_CASE("verify: no flipped bit of what stands beside a log goes unseen") {
  FaultFileSystem fs;
  test::MakeDataDirectory(fs);
  for (const char* suffix : {".index", ".timeindex", ".snapshot", "leader-epoch-checkpoint"}) {
    for (const std::string& path : FilesWith(fs, suffix)) CheckEveryBit(fs, path);
  }
}

TEST_CASE("verify: a flipped bit is called what it is") {
  struct Case {
    size_t at;
    FindingKind kind;
    bool is_next;  // it is the following batch that does not fit
  };
  using record::kBatchLengthAt;
  const std::vector<Case> cases = {
      {record::kBaseOffsetAt + 3, FindingKind::kOffsets, false},
      {kBatchLengthAt, FindingKind::kLength, false},
      {kBatchLengthAt + 3, FindingKind::kLength, false},
      {record::kLeaderEpochAt + 3, FindingKind::kLeaderEpoch, false},
      {record::kMagicAt, FindingKind::kMagic, false},
      {record::kCrcAt, FindingKind::kCrc, false},
      {record::kAttributesAt + 1, FindingKind::kCrc, false},
      {record::kLastOffsetDeltaAt + 3, FindingKind::kCrc, false},
      {record::kMaxTimestampAt, FindingKind::kCrc, false},
      {record::kProducerIdAt, FindingKind::kCrc, false},
      {record::kRecordCountAt + 3, FindingKind::kCrc, false},
      {record::kBatchHeaderBytes, FindingKind::kCrc, false},
  };
  FaultFileSystem fs;
  test::MakeDataDirectory(fs);
  const std::string path = FilesWith(fs, ".log")[1];
  const int64_t position = PositionsOf(fs, path)[1];
  for (const Case& one : cases) {
    fs.FlipBit(path, position + static_cast<int64_t>(one.at), 3);
    const Verified verified = Verify(fs);
    INFO("byte " << one.at << "\n" << verified.Text());
    const Finding* finding = verified.Find(one.kind);
    REQUIRE(finding != nullptr);
    CHECK(finding->severity == Severity::kError);
    if (one.kind == FindingKind::kLeaderEpoch) {
      CHECK(finding->path == test::kLogDirectory);
    } else {
      CHECK(finding->path == path);
      CHECK(finding->position == position);
    }
    fs.FlipBit(path, position + static_cast<int64_t>(one.at), 3);
  }
}

TEST_CASE("verify: after damage it goes on with the next intact batch") {
  FaultFileSystem fs;
  test::MakeDataDirectory(fs);
  const std::string path = FilesWith(fs, ".log")[1];
  fs.FlipBit(path, PositionsOf(fs, path)[1] + 70, 0);
  const Verified verified = Verify(fs);
  INFO(verified.Text());
  CHECK(verified.errors() == 1);
  CHECK(verified.report->partitions[0].sum.batches == test::kVerifyBatches - 1);
}

TEST_CASE("verify: a torn tail is a notice after an unclean stop alone, above the recovery point") {
  FaultFileSystem fs;
  const Offset end = test::MakeDataDirectory(fs);
  const std::string path = LastLog(fs);
  const std::vector<int64_t> positions = PositionsOf(fs, path);
  SECTION("half a batch") {
    CutTo(fs, path, static_cast<size_t>(positions.back()) + 30);
    CHECK(Verify(fs).errors() > 0);
    MakeUnclean(fs, Offset(0));
    const Verified verified = Verify(fs);
    INFO(verified.Text());
    CHECK(verified.errors() == 0);
    const Finding* torn = verified.Find(FindingKind::kTornTail);
    REQUIRE(torn != nullptr);
    CHECK(torn->position == positions.back());
    CHECK(torn->what.starts_with("30 bytes will be cut at the next start"));
    Put(fs, InData(kRecoveryPoints), EncodeCheckpoint({{"orders", PartitionIndex(0), end}}));
    CHECK(Verify(fs).errors() > 0);
  }
  SECTION("zeros") {
    Append(fs, path, std::string(5000, '\0'));
    CHECK(Verify(fs).errors() == 1);
    MakeUnclean(fs, end);
    const Verified verified = Verify(fs);
    INFO(verified.Text());
    CHECK(verified.errors() == 0);
    REQUIRE(verified.Find(FindingKind::kTornTail) != nullptr);
  }
  SECTION("intact batches behind the damage make it an error") {
    MakeUnclean(fs, Offset(0));
    fs.FlipBit(path, positions[1] + 70, 0);
    const Verified verified = Verify(fs);
    INFO(verified.Text());
    CHECK(verified.errors() == 1);
    CHECK(verified.Find(FindingKind::kCrc) != nullptr);
  }
}

TEST_CASE("verify: segments that do not meet, and a log that is shorter than it was") {
  FaultFileSystem fs;
  test::MakeDataDirectory(fs);
  const std::vector<std::string> logs = FilesWith(fs, ".log");
  SECTION("a segment in the middle is missing") {
    REQUIRE(fs.RemoveFile(logs[1]).ok());
    const Verified verified = Verify(fs);
    INFO(verified.Text());
    REQUIRE(verified.Find(FindingKind::kSegmentGap) != nullptr);
    CHECK(verified.Find(FindingKind::kSegmentGap)->path == logs[0]);
    CHECK(verified.Find(FindingKind::kStray) != nullptr);  // its indexes
  }
  SECTION("the first segment is missing") {
    REQUIRE(fs.RemoveFile(logs[0]).ok());
    const Verified verified = Verify(fs);
    INFO(verified.Text());
    REQUIRE(verified.Find(FindingKind::kCheckpoint) != nullptr);
  }
  SECTION("whole batches at the end are missing") {
    CutTo(fs, logs[2], static_cast<size_t>(PositionsOf(fs, logs[2])[2]));
    const Verified verified = Verify(fs);
    INFO(verified.Text());
    REQUIRE(verified.Find(FindingKind::kCheckpoint) != nullptr);
    CHECK(verified.Find(FindingKind::kCheckpoint)->severity == Severity::kError);
  }
}

TEST_CASE("verify: an index that is missing or torn is rebuilt, one that is wrong is an error") {
  FaultFileSystem fs;
  const Offset end = test::MakeDataDirectory(fs);
  const std::string index = FilesWith(fs, ".index").back();
  const std::string times = FilesWith(fs, ".timeindex").back();
  SECTION("missing") {
    REQUIRE(fs.RemoveFile(index).ok());
    REQUIRE(fs.RemoveFile(times).ok());
    const Verified verified = Verify(fs);
    INFO(verified.Text());
    CHECK(verified.errors() == 0);
    CHECK(verified.Count(Severity::kNotice) == 2);
  }
  SECTION("the time index has lost its end") {
    CutTo(fs, times, 12);
    const Verified verified = Verify(fs);
    INFO(verified.Text());
    REQUIRE(verified.errors() == 1);
    CHECK(verified.findings[0].kind == FindingKind::kTimeIndex);
  }
  SECTION("half an entry") {
    Append(fs, index, "abc");
    CHECK(Verify(fs).errors() == 1);
    MakeUnclean(fs, end);
    const Verified verified = Verify(fs);
    INFO(verified.Text());
    CHECK(verified.errors() == 0);
    CHECK(verified.Find(FindingKind::kOffsetIndex) != nullptr);
  }
}

TEST_CASE("verify: checkpoints, ids and strays") {
  FaultFileSystem fs;
  const Offset end = test::MakeDataDirectory(fs);
  SECTION("a log start offset beyond the log") {
    Put(fs, InData(kLogStarts), EncodeCheckpoint({{"orders", PartitionIndex(0), end + 1}}));
    CHECK(Verify(fs).Find(FindingKind::kCheckpoint)->severity == Severity::kError);
  }
  SECTION("a checkpoint that does not parse") {
    Put(fs, InData(kRecoveryPoints), "0\n2\n");
    CHECK(Verify(fs).Find(FindingKind::kCheckpoint)->path == InData(kRecoveryPoints));
  }
  SECTION("a checkpoint of a partition that is not there") {
    Put(fs, InData(kLogStarts),
        EncodeCheckpoint(
            {{"orders", PartitionIndex(0), Offset(0)}, {"orders", PartitionIndex(1), Offset(0)}}));
    const Verified verified = Verify(fs);
    CHECK(verified.errors() == 0);
    CHECK(verified.Find(FindingKind::kCheckpoint) != nullptr);
  }
  SECTION("meta.properties and partition.metadata that do not parse") {
    Put(fs, InData(kMetaProperties), "version=2\n");
    Put(fs, InPartition("partition.metadata"), "version: 0\n");
    const Verified verified = Verify(fs);
    CHECK(verified.errors() == 2);
    CHECK(verified.Find(FindingKind::kIdentity) != nullptr);
    CHECK(verified.Find(FindingKind::kTopicId) != nullptr);
  }
  SECTION("strays are listed") {
    for (const char* name : {"00000000000000000000.log.deleted", "x.tmp", "y.swap", "z.cleaned",
                             "00000000000000000003.cut", "notes.txt"}) {
      Put(fs, InPartition(name), "");
    }
    Put(fs, InData("core"), "");
    const Verified verified = Verify(fs);
    INFO(verified.Text());
    CHECK(verified.errors() == 0);
    CHECK(verified.Count(Severity::kNotice) == 7);
  }
}

TEST_CASE(
    "verify: a device that fails is an error, and the other files are looked at all the same") {
  FaultFileSystem fs;
  test::MakeDataDirectory(fs);
  const std::vector<std::string> logs = FilesWith(fs, ".log");
  fs.Inject({.operation = test::Operation::kRead,
             .status = absl::InternalError("EIO"),
             .path_contains = logs[0],
             .times = 1000});
  const Verified verified = Verify(fs);
  INFO(verified.Text());
  CHECK(verified.errors() == 1);
  CHECK(verified.findings[0].kind == FindingKind::kUnreadable);
  CHECK(verified.findings[0].path == logs[0]);
  CHECK(verified.report->partitions[0].sum.batches == test::kVerifyBatches - 3);
}

TEST_CASE("verify: nothing is found in a partition that Kafka wrote") {
  const std::string data = std::string(MILLRACE_TEST_DATA) + "/kafka-4.3.0";
  const Verified verified = Verify(PosixFileSystem(), data + "/orders-0/");
  INFO(verified.Text());
  REQUIRE(verified.report.ok());
  CHECK(verified.findings.empty());
  CHECK(verified.report->partitions[0].sum.records == 720);
  // Its data directory has lost meta.properties.
  const Verified all = Verify(PosixFileSystem(), data);
  CHECK(all.Find(FindingKind::kIdentity) != nullptr);
}

}  // namespace millrace::storage

// A partition's directory of any content, opened, read through, appended to and opened again.
//
// A byte of flags, a recovery point and a log start offset (two bytes each) come first, then files:
// a byte for the kind, two for the offset in the name, two for the length, the content. What
// recovery keeps of a log that it has checked is intact batches in order; a log that it refuses
// keeps its bytes; what was closed in order is there again, also after a power loss.
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "proto/record/batch_builder.h"
#include "proto/record/crc32c.h"
#include "storage/log.h"
#include "storage/segment_files.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/repair.h"
#include "tests/support/fault_file_system.h"

namespace millrace::fuzz {
namespace {

using record::BatchView;
using storage::Log;
using test::FaultFileSystem;

constexpr TimestampMs kNow{1'700'000'000'000};
constexpr char kDirectory[] = "/data/orders-0";

// Bits of the first byte.
constexpr uint8_t kClean = 0x01;
constexpr uint8_t kRetention = 0x02;
constexpr uint8_t kLogAppendTime = 0x04;
constexpr uint8_t kFarOffsets = 0x08;  // offsets in names count from kFarFrom

// So close to the largest that no sum may be careless, and far enough from the bound of segments'
// names (2^32 below the largest) for the next segment to stay within it.
constexpr int64_t kFarFrom = INT64_MAX - (int64_t{1} << 33);

// Kinds of files, and a bit for those with a length and a checksum to be put right.
enum FileKind : uint8_t { kLog, kIndex, kTimeIndex, kSnapshot, kLeaderEpochs, kStray, kKinds };
constexpr uint8_t kRepair = 0x80;

void Write(FaultFileSystem& fs, const std::string& path, Bytes content) {
  auto file = fs.Open(path, storage::OpenMode::kCreate);
  INVARIANT(file.ok());
  INVARIANT((*file)->WriteAt(0, content).ok());
}

std::string Read(FaultFileSystem& fs, const std::string& path) {
  auto content = storage::ReadWholeFile(fs, path);
  INVARIANT(content.ok());
  return *std::move(content);
}

// Right checksums, and offsets that follow each other.
void RepairLog(std::span<std::byte> bytes, int64_t next) {
  while (bytes.size() >= record::kBatchHeaderBytes) {
    const BatchView batch(bytes);
    if (batch.base_offset().value() < next) {
      record::StoreBigEndian(bytes.data() + record::kBaseOffsetAt, next);
    }
    const size_t size = RepairBatch(bytes);
    if (record::IsIntact(bytes)) next = batch.next_offset().value();
    bytes = bytes.subspan(size);
  }
}

void RepairSnapshot(std::span<std::byte> bytes) {
  constexpr size_t kCrcAt = 2;
  constexpr size_t kCountAt = 6;
  if (bytes.size() < kCountAt) return;
  const uint32_t crc = record::Crc32c(bytes.subspan(kCountAt));
  record::StoreBigEndian(bytes.data() + kCrcAt, static_cast<int32_t>(crc));
}

std::string FileName(FileKind kind, Offset offset, uint8_t choice) {
  constexpr std::string_view kStrays[] = {".txnindex", ".log.deleted", ".cut",
                                          ".log.tmp",  ".swap",        ".unknown"};
  switch (kind) {
    case kLog:
      return storage::SegmentFileName(offset, storage::kLogSuffix);
    case kIndex:
      return storage::SegmentFileName(offset, storage::kIndexSuffix);
    case kTimeIndex:
      return storage::SegmentFileName(offset, storage::kTimeIndexSuffix);
    case kSnapshot:
      return storage::SegmentFileName(offset, storage::kSnapshotSuffix);
    case kLeaderEpochs:
      return std::string(storage::kLeaderEpochFile);
    case kStray:
    case kKinds:
      break;
  }
  return storage::SegmentFileName(offset, kStrays[choice % std::size(kStrays)]);
}

void WriteFiles(Input& input, FaultFileSystem& fs, int64_t offsets_from) {
  while (!input.empty()) {
    const uint8_t choice = input.TakeByte();
    const auto kind = static_cast<FileKind>((choice & 0x7f) % kKinds);
    const Offset offset(offsets_from + input.Take<uint16_t>());
    std::vector<std::byte> content = Copy(input.TakeBytes(input.Take<uint16_t>()));
    if ((choice & kRepair) != 0 && kind == kLog) RepairLog(content, offset.value());
    if ((choice & kRepair) != 0 && kind == kSnapshot) RepairSnapshot(content);
    const std::string name = FileName(kind, offset, choice);
    const std::string path = std::string(kDirectory) + "/" + name;
    if (!fs.Exists(path)) Write(fs, path, content);
  }
  fs.SyncAll();
}

std::map<std::string, std::string> LogContents(FaultFileSystem& fs) {
  std::map<std::string, std::string> contents;
  const auto names = fs.List(kDirectory);
  INVARIANT(names.ok());
  for (const std::string& name : *names) {
    if (!name.ends_with(storage::kLogSuffix)) continue;
    contents[name] = Read(fs, std::string(kDirectory) + "/" + name);
  }
  return contents;
}

bool Run(storage::DiskJob job) {
  if (!job.run().ok()) return false;
  if (job.finish) job.finish();
  return true;
}

// `is_checked`: recovery has seen every byte of it.
void ReadThrough(const Log& log, bool is_checked) {
  for (Offset next = log.log_start_offset(); next < log.log_end();) {
    const auto read = log.Read({.from = next, .limit = log.log_end(), .max_bytes = 1});
    if (!is_checked && !read.ok()) return;
    INVARIANT(read.ok() && read->error == ErrorCode::kNone);
    if (!is_checked && read->slice.size == 0) return;
    INVARIANT(read->slice.size == read->first_batch_bytes);
    std::vector<std::byte> bytes(static_cast<size_t>(read->slice.size));
    const auto got = read->slice.file->ReadAt(read->slice.position, bytes);
    INVARIANT(got.ok() && *got == bytes.size());
    INVARIANT(ClaimsBatch(bytes));
    if (is_checked) INVARIANT(record::IsIntact(bytes));
    INVARIANT(BatchView(bytes).last_offset() >= next);
    next = BatchView(bytes).next_offset();
  }
}

void LookUp(const Log& log) {
  const Offset end = log.log_end();
  for (const TimestampMs target : {TimestampMs(0), kNow, TimestampMs(INT64_MAX)}) {
    const auto found = Log::ScanForTimestamp(log.SlicesForTimestamp(target, end), target, end);
    if (!found.ok() || !found->has_value()) continue;
    INVARIANT((*found)->offset < end);
  }
  const auto newest = Log::ScanForMaxTimestamp(log.SlicesForMaxTimestamp(end), end);
  if (newest.ok() && newest->has_value()) INVARIANT((*newest)->offset < end);
  if (const auto epoch = log.latest_epoch()) {
    const auto epoch_end = log.EndOffsetForEpoch(*epoch);
    INVARIANT(epoch_end.has_value() && epoch_end->end == end);
  }
  log.EpochForOffset(log.log_start_offset());
  log.ActiveProducers();
}

// False: the log takes no more, for lack of offsets.
bool AppendOne(Log& log) {
  record::BatchBuilder builder({});
  builder.Add({.timestamp = kNow, .key = std::nullopt, .value = std::nullopt, .headers = {}});
  auto batch = std::move(builder).Build();
  INVARIANT(batch.ok());
  if (log.NeedsRoll(static_cast<int64_t>(batch->size()), kNow) && !Run(log.Roll(kNow))) {
    return false;
  }
  const Offset end = log.log_end();
  const auto appended = log.Append(*batch, {.leader_epoch = LeaderEpoch(9), .now = kNow});
  INVARIANT(appended.ok());
  if (appended->error != ErrorCode::kNone) return false;
  INVARIANT(appended->base_offset == end && log.log_end() == end + 1);
  return true;
}

void Use(Log& log) {
  if (!AppendOne(log)) return;
  if (log.ActiveExpired(kNow)) INVARIANT(Run(log.Roll(kNow)));
  INVARIANT(Run(log.Flush()));
  INVARIANT(log.durable_end() == log.log_end());
  if (auto deletion = log.DeleteOldSegments(kNow, log.log_end()))
    INVARIANT(Run(*std::move(deletion)));
  log.ExpireProducers(kNow);
  INVARIANT(log.log_start_offset() <= log.log_end());
}

storage::LogOptions OptionsFor(uint8_t flags) {
  storage::LogOptions options;
  options.segment_bytes = 4096;
  options.segment_index_bytes = 256;
  options.index_interval_bytes = 128;
  if ((flags & kRetention) != 0) {
    options.retention_ms = 1000;
    options.retention_bytes = 2000;
  }
  if ((flags & kLogAppendTime) != 0)
    options.timestamp_type = storage::TimestampType::kLogAppendTime;
  return options;
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::fuzz;
  Input input(data, size);
  const uint8_t flags = input.TakeByte();
  const int64_t offsets_from = (flags & kFarOffsets) != 0 ? kFarFrom : 0;
  storage::OpenOptions how{.clean = (flags & kClean) != 0};
  how.recovery_point = Offset(offsets_from + input.Take<uint16_t>());
  how.log_start_offset = Offset(offsets_from + input.Take<uint16_t>());
  if (how.recovery_point.value() == offsets_from) how.recovery_point = Offset(0);
  const storage::LogOptions options = OptionsFor(flags);

  FaultFileSystem fs;
  INVARIANT(fs.CreateDirectories(kDirectory).ok());
  WriteFiles(input, fs, offsets_from);
  const auto before = LogContents(fs);
  auto opened = Log::Open(fs, kDirectory, options, how, kNow);
  if (!opened.ok()) {
    INVARIANT(absl::IsDataLoss(opened.status()));
    INVARIANT(LogContents(fs) == before);
    return 0;
  }
  Log& log = **opened;
  const bool is_checked = !how.clean && how.recovery_point == Offset(0);
  INVARIANT(log.log_start_offset() <= log.log_end());
  ReadThrough(log, is_checked);
  LookUp(log);
  Use(log);
  const Offset end = log.log_end();
  INVARIANT(log.Close().ok());
  opened->reset();
  if (!is_checked) return 0;
  for (const bool is_clean : {true, false}) {
    fs.Crash();
    auto again = Log::Open(fs, kDirectory, options, {.clean = is_clean}, kNow);
    INVARIANT(again.ok());
    INVARIANT((*again)->log_end() == end);
    ReadThrough(**again, true);
  }
  return 0;
}

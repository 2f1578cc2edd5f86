// The small files beside the records: checkpoints, meta.properties, leader epochs, producer
// snapshots, partition.metadata, the metadata store's snapshot and transactions; and names of
// directories, files and topics. The first byte chooses which.
//
// What decodes is encoded, and that decodes and encodes to the same bytes.
#include <array>
#include <string>

#include "broker/metadata/key_value_map.h"
#include "proto/record/batch_layout.h"
#include "proto/record/crc32c.h"
#include "proto/topic_id_text.h"
#include "proto/topic_name.h"
#include "storage/checkpoint_file.h"
#include "storage/data_directory.h"
#include "storage/leader_epochs.h"
#include "storage/meta_properties.h"
#include "storage/partition_directory.h"
#include "storage/producer_state.h"
#include "storage/segment_files.h"
#include "tests/fuzz/input.h"
#include "tests/support/fault_file_system.h"

namespace millrace::fuzz {
namespace {

using metadata::KeyValueMap;

template <class Decode, class Encode>
void WriteAgain(std::string_view text, Decode decode, Encode encode) {
  const auto decoded = decode(text);
  if (!decoded.ok()) {
    INVARIANT(absl::IsDataLoss(decoded.status()));
    return;
  }
  const std::string first = encode(*decoded);
  const auto again = decode(first);
  INVARIANT(again.ok());
  INVARIANT(encode(*again) == first);
}

void ReadCheckpoint(Bytes bytes) {
  WriteAgain(AsText(bytes), storage::DecodeCheckpoint, storage::EncodeCheckpoint);
}

void ReadMetaProperties(Bytes bytes) {
  WriteAgain(AsText(bytes), storage::DecodeMetaProperties, storage::EncodeMetaProperties);
}

void ReadLeaderEpochs(Bytes bytes) {
  WriteAgain(AsText(bytes), storage::LeaderEpochs::Decode,
             [](const storage::LeaderEpochs& epochs) { return epochs.Encode(); });
}

// With a right checksum: a wrong one is all that would ever be seen.
void ReadProducerSnapshot(Bytes bytes) {
  constexpr size_t kCrcAt = 2;
  constexpr size_t kCountAt = 6;
  std::vector<std::byte> repaired = Copy(bytes);
  if (repaired.size() > kCountAt) {
    const uint32_t crc = record::Crc32c(std::span(repaired).subspan(kCountAt));
    record::StoreBigEndian(repaired.data() + kCrcAt, static_cast<int32_t>(crc));
  }
  WriteAgain(AsText(repaired), storage::ProducerState::DecodeSnapshot,
             [](const storage::ProducerState& state) { return state.EncodeSnapshot(); });
}

void ReadMetadataSnapshot(Bytes bytes) {
  WriteAgain(AsText(bytes), KeyValueMap::DecodeSnapshot,
             [](const KeyValueMap& map) { return map.EncodeSnapshot(); });
}

void ReadMetadataChange(Bytes bytes) {
  WriteAgain(AsText(bytes), metadata::DecodeChange, metadata::EncodeChange);
}

void Write(test::FaultFileSystem& fs, const std::string& path, std::string_view content) {
  INVARIANT(storage::ReplaceFile(fs, path, content).ok());
}

// A data directory: four files, cut at the bytes 0xff, and what it says of its partitions.
void OpenDataDirectory(Bytes bytes) {
  test::FaultFileSystem fs;
  const std::string partition = "/data/orders-0";
  INVARIANT(fs.CreateDirectories(partition).ok());
  std::string_view text = AsText(bytes);
  for (const std::string& path :
       {std::string("/data/meta.properties"), partition + "/partition.metadata",
        std::string("/data/recovery-point-offset-checkpoint"),
        std::string("/data/log-start-offset-checkpoint")}) {
    const size_t end = std::min(text.find('\xff'), text.size());
    if (end > 0) Write(fs, path, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  storage::DataDirectoryOptions options{.broker_id = BrokerId(1)};
  auto opened = storage::DataDirectory::Open(fs, "/data", options);
  if (!opened.ok()) {
    INVARIANT(!opened.status().message().empty());
    return;
  }
  std::vector<storage::PartitionCheckpoint> checkpoints;
  for (const storage::FoundPartition& found : (*opened)->partitions()) {
    INVARIANT(fs.Exists((*opened)->PathOf(found.topic, found.partition)));
    INVARIANT(found.recovery_point.value() >= 0 && found.log_start_offset.value() >= 0);
    checkpoints.push_back(
        {found.topic, found.partition, found.recovery_point, found.log_start_offset});
  }
  INVARIANT((*opened)->CloseInOrder(checkpoints, {}).ok());
  opened->reset();
  auto again = storage::DataDirectory::Open(fs, "/data", options);
  INVARIANT(again.ok() && (*again)->was_clean());
  INVARIANT((*again)->partitions().size() == checkpoints.size());
}

void ReadNames(Bytes bytes) {
  const std::string_view name = AsText(bytes);
  if (!InvalidTopicName(name).has_value()) {
    INVARIANT(!name.empty() && name.size() <= kTopicNameBytesMax && name != "." && name != "..");
    INVARIANT(name.find('/') == std::string_view::npos &&
              name.find('\0') == std::string_view::npos);
    constexpr std::array<std::byte, 16> kRandom{};
    const auto partition = PartitionIndex(7);
    const std::string directory = storage::FormatPartitionDirectory(name, partition);
    INVARIANT(storage::ParsePartitionDirectory(directory).has_value());
    INVARIANT(
        storage::IsDeletedDirectory(storage::FormatDeletedDirectory(name, partition, kRandom)));
  }
  if (const auto parsed = storage::ParsePartitionDirectory(name)) {
    INVARIANT(storage::FormatPartitionDirectory(parsed->topic, parsed->partition) == name);
    INVARIANT(!storage::IsDeletedDirectory(name));
  }
  if (const auto parsed = storage::ParseSegmentName(name)) {
    INVARIANT(storage::SegmentFileName(parsed->offset, parsed->suffix) == name);
  }
  if (const auto id = ParseTopicId(name)) INVARIANT(TopicIdText(*id) == name);
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::fuzz;
  constexpr void (*kReaders[])(Bytes) = {
      ReadCheckpoint,       ReadMetaProperties, ReadLeaderEpochs,  ReadProducerSnapshot,
      ReadMetadataSnapshot, ReadMetadataChange, OpenDataDirectory, ReadNames,
  };
  Input input(data, size);
  const auto read = kReaders[input.TakeByte() % std::size(kReaders)];
  read(input.TakeRest());
  return 0;
}

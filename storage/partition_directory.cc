#include "storage/partition_directory.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/topic_id_text.h"
#include "proto/topic_name.h"
#include "storage/checkpoint_text.h"

namespace millrace::storage {
namespace {

constexpr std::string_view kDeleteSuffix = "-delete";
constexpr size_t kUuidHexBytes = 32;
constexpr std::string_view kMetadataName = "partition.metadata";
constexpr std::string_view kMetadataPrefix = "version: 0\ntopic_id: ";

std::string HexOf(std::span<const std::byte> bytes) {
  std::string hex;
  for (std::byte byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return hex;
}

bool IsHexDigit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// "<anything>-<partition>", the partition written as we write it.
std::optional<PartitionIndex> PartitionAtEnd(std::string_view name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  const std::string_view digits = name.substr(dash + 1);
  const std::optional<int32_t> partition = ParseNumber<int32_t>(digits);
  if (!partition || fmt::format("{}", *partition) != digits) return std::nullopt;
  return PartitionIndex(*partition);
}

}  // namespace

std::string FormatPartitionDirectory(std::string_view topic, PartitionIndex partition) {
  INVARIANT(!InvalidTopicName(topic));
  INVARIANT(partition.value() >= 0);
  return fmt::format("{}-{}", topic, partition.value());
}

std::optional<PartitionDirectoryName> ParsePartitionDirectory(std::string_view name) {
  const std::optional<PartitionIndex> partition = PartitionAtEnd(name);
  if (!partition) return std::nullopt;
  const std::string_view topic = name.substr(0, name.rfind('-'));
  if (InvalidTopicName(topic)) return std::nullopt;
  return PartitionDirectoryName{std::string(topic), *partition};
}

std::string FormatDeletedDirectory(std::string_view topic, PartitionIndex partition,
                                   std::span<const std::byte, 16> random) {
  INVARIANT(!InvalidTopicName(topic));
  INVARIANT(partition.value() >= 0);
  const std::string end = fmt::format("-{}.{}{}", partition.value(), HexOf(random), kDeleteSuffix);
  std::string name = std::string(topic.substr(0, kDirectoryNameBytesMax - end.size())) + end;
  INVARIANT(name.size() <= kDirectoryNameBytesMax);
  return name;
}

bool IsDeletedDirectory(std::string_view name) {
  if (!name.ends_with(kDeleteSuffix)) return false;
  name.remove_suffix(kDeleteSuffix.size());
  if (name.size() <= kUuidHexBytes) return false;
  const std::string_view hex = name.substr(name.size() - kUuidHexBytes);
  name.remove_suffix(kUuidHexBytes);
  return std::all_of(hex.begin(), hex.end(), IsHexDigit) && name.ends_with('.') &&
         PartitionAtEnd(name.substr(0, name.size() - 1)).has_value();
}

absl::StatusOr<TopicId> ReadPartitionMetadata(FileSystem& fs, const std::string& directory) {
  const std::string path = fmt::format("{}/{}", directory, kMetadataName);
  const absl::StatusOr<std::string> content = ReadWholeFile(fs, path);
  if (!content.ok()) return content.status();
  std::string_view text = *content;
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::optional<TopicId> id;
  if (text.starts_with(kMetadataPrefix)) id = ParseTopicId(text.substr(kMetadataPrefix.size()));
  if (!id || id->is_zero()) {
    return absl::DataLossError(fmt::format(
        "{} is damaged: expected the lines \"version: 0\" and \"topic_id: <id>\"", path));
  }
  return *id;
}

absl::Status WritePartitionMetadata(FileSystem& fs, const std::string& directory,
                                    const TopicId& topic_id) {
  INVARIANT(!topic_id.is_zero());
  return ReplaceFile(fs, fmt::format("{}/{}", directory, kMetadataName),
                     fmt::format("{}{}", kMetadataPrefix, TopicIdText(topic_id)));
}

}  // namespace millrace::storage

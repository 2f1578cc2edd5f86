// How a partition's directory is named, in Kafka's way, and its partition.metadata file.
//
//   orders-0                                              a partition that is in use
//   orders-0.59c8b05a9e6941498d3561b4cfd88f7d-delete      one that waits to be removed
//
// Names are pure; the two metadata functions block on the file system. Any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/file_system.h"

namespace millrace::storage {

inline constexpr size_t kDirectoryNameBytesMax = 255;

struct PartitionDirectoryName {
  std::string topic;
  PartitionIndex partition;

  friend bool operator==(const PartitionDirectoryName&, const PartitionDirectoryName&) = default;
};

// Precondition: the topic's name is valid.
std::string FormatPartitionDirectory(std::string_view topic, PartitionIndex partition);
// None for everything that FormatPartitionDirectory does not write, `-delete` directories included.
std::optional<PartitionDirectoryName> ParsePartitionDirectory(std::string_view name);

// The name under which a directory waits for its removal. A long topic is cut, so that the name
// fits; `random` keeps names apart. Precondition: the topic's name is valid.
std::string FormatDeletedDirectory(std::string_view topic, PartitionIndex partition,
                                   std::span<const std::byte, 16> random);
bool IsDeletedDirectory(std::string_view name);

// The topic id in `directory`/partition.metadata. NotFoundError when there is no such file,
// DataLossError when it does not parse.
absl::StatusOr<TopicId> ReadPartitionMetadata(FileSystem& fs, const std::string& directory);
// Durable when it returns OK. Precondition: the id is not zero.
absl::Status WritePartitionMetadata(FileSystem& fs, const std::string& directory,
                                    const TopicId& topic_id);

}  // namespace millrace::storage

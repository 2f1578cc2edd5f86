// The file `millrace.manifest` of a data directory: every log as it was closed, so that a start
// after a clean shutdown opens nothing for each partition.
//
// Pure. Format: docs/formats/checkpoints.md. It counts only together with the clean-shutdown marker
// that names its checksum; whoever decodes it has to check the rest (topics, directories).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/closed_log.h"

namespace millrace::storage {

struct ManifestEntry {
  std::string topic;
  PartitionIndex partition;
  TopicId topic_id;
  ClosedLog log;
};

std::string EncodeManifest(const std::vector<ManifestEntry>& entries);
uint32_t ManifestChecksum(std::string_view bytes);
// DataLossError where the bytes are no manifest, or say what no log can be.
absl::StatusOr<std::vector<ManifestEntry>> DecodeManifest(std::string_view bytes);

}  // namespace millrace::storage

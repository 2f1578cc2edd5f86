// Where a data directory holds the metadata store: for the store itself, and for tools that read
// it. Format: docs/formats/metadata.md.
#pragma once

#include <string_view>

namespace millrace::storage {

// Named as partition 0 of a topic, which therefore nobody may create.
inline constexpr std::string_view kMetadataTopic = "__millrace_metadata";
inline constexpr std::string_view kMetadataDirectory = "__millrace_metadata-0";
// In it, beside the log: one batch.
inline constexpr std::string_view kMetadataSnapshot = "metadata.snapshot";

}  // namespace millrace::storage

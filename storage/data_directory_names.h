// The names of the files in a data directory. Formats: docs/formats/checkpoints.md.
#pragma once

#include <string_view>

namespace millrace::storage {

inline constexpr std::string_view kMetaProperties = "meta.properties";
// There only between an orderly close and the next start.
inline constexpr std::string_view kCleanMarker = ".kafka_cleanshutdown";
inline constexpr std::string_view kRecoveryPoints = "recovery-point-offset-checkpoint";
inline constexpr std::string_view kLogStarts = "log-start-offset-checkpoint";
inline constexpr std::string_view kCleanedOffsets = "cleaner-offset-checkpoint";
inline constexpr std::string_view kManifest = "millrace.manifest";

}  // namespace millrace::storage

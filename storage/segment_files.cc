#include "storage/segment_files.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace millrace::storage {
namespace {

constexpr size_t kDigits = 20;
// The offsets of a segment are at most 2^31 above its base and must not overflow.
constexpr uint64_t kBaseMax = std::numeric_limits<int64_t>::max() - (uint64_t{1} << 32);

// `open` takes the path and the suffix.
template <class Open>
absl::StatusOr<SegmentFiles> OpenAll(const std::string& directory, Offset base, Open open) {
  std::array<std::shared_ptr<File>, 3> files;
  constexpr std::array kSuffixes = {kLogSuffix, kIndexSuffix, kTimeIndexSuffix};
  for (size_t i = 0; i < files.size(); ++i) {
    auto file = open(SegmentFilePath(directory, base, kSuffixes[i]), kSuffixes[i]);
    if (!file.ok()) return file.status();
    files[i] = *std::move(file);
  }
  return SegmentFiles{
      .log = std::move(files[0]), .index = std::move(files[1]), .time_index = std::move(files[2])};
}

absl::StatusOr<std::shared_ptr<File>> CreateEmpty(FileSystem& fs, const std::string& path) {
  auto file = fs.Open(path, OpenMode::kCreate);
  if (!file.ok()) return file;
  if (absl::Status status = (*file)->Truncate(0); !status.ok()) return status;
  return file;
}

}  // namespace

std::string SegmentFileName(Offset offset, std::string_view suffix) {
  return fmt::format("{:020}{}", offset.value(), suffix);
}

std::string SegmentFilePath(const std::string& directory, Offset offset, std::string_view suffix) {
  return fmt::format("{}/{:020}{}", directory, offset.value(), suffix);
}

std::optional<SegmentName> ParseSegmentName(std::string_view name) {
  if (name.size() <= kDigits) return std::nullopt;
  uint64_t offset = 0;  // of an unsigned one no sign is accepted
  const char* end = name.data() + kDigits;
  const auto parsed = std::from_chars(name.data(), end, offset);
  if (parsed.ec != std::errc() || parsed.ptr != end || offset > kBaseMax) {
    return std::nullopt;
  }
  return SegmentName{.offset = Offset(static_cast<int64_t>(offset)),
                     .suffix = name.substr(kDigits)};
}

uint64_t SegmentJitter(const std::string& directory, Offset base) {
  return std::hash<std::string>()(SegmentFilePath(directory, base, {}));
}

absl::StatusOr<SegmentFiles> OpenSegmentFiles(FileSystem& fs, const std::string& directory,
                                              Offset base) {
  return OpenAll(directory, base, [&fs](const std::string& path, std::string_view suffix) {
    return fs.Open(path, suffix == kLogSuffix ? OpenMode::kReadWrite : OpenMode::kCreate);
  });
}

absl::StatusOr<SegmentFiles> OpenSegmentFilesLater(FileSystem& fs, const std::string& directory,
                                                   Offset base) {
  return OpenAll(directory, base,
                 [&fs](const std::string& path, std::string_view) { return fs.OpenLater(path); });
}

absl::StatusOr<SegmentFiles> CreateSegmentFiles(FileSystem& fs, const std::string& directory,
                                                Offset base) {
  auto index = CreateEmpty(fs, SegmentFilePath(directory, base, kIndexSuffix));
  if (!index.ok()) return index.status();
  auto time_index = CreateEmpty(fs, SegmentFilePath(directory, base, kTimeIndexSuffix));
  if (!time_index.ok()) return time_index.status();
  // Last, for a log makes a segment: the old one may grow beyond this base if this fails.
  const std::string path = SegmentFilePath(directory, base, kLogSuffix);
  auto log = CreateEmpty(fs, path);
  if (!log.ok()) {
    fs.RemoveFile(path).IgnoreError();
    return log.status();
  }
  return SegmentFiles{
      .log = *std::move(log), .index = *std::move(index), .time_index = *std::move(time_index)};
}

}  // namespace millrace::storage

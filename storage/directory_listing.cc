#include "storage/directory_listing.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "storage/segment_files.h"
#include "storage/segment_swap.h"

namespace millrace::storage {
namespace {

bool IsUnfinished(std::string_view name) {
  constexpr std::array<std::string_view, 4> kSuffixes = {kDeletedSuffix, kCleanedSuffix,
                                                         kSwapSuffix, ".tmp"};
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [&](std::string_view suffix) { return name.ends_with(suffix); });
}

bool IsSwap(std::string_view suffix) {
  return suffix.starts_with(kLogSuffix) && suffix.substr(kLogSuffix.size()) == kSwapSuffix;
}

bool IsIndex(std::string_view suffix) {
  return suffix == kIndexSuffix || suffix == kTimeIndexSuffix || suffix == kTxnIndexSuffix;
}

}  // namespace

absl::StatusOr<DirectoryListing> ListLogDirectory(FileSystem& fs, const std::string& directory) {
  auto names = fs.List(directory);
  if (!names.ok()) return names.status();
  DirectoryListing listing;
  std::vector<std::string> indexes;
  for (const std::string& name : *names) {
    const std::optional<SegmentName> parsed = ParseSegmentName(name);
    if (parsed.has_value() && IsSwap(parsed->suffix)) {
      listing.swaps.push_back(parsed->offset);
    } else if (IsUnfinished(name)) {
      listing.strays.push_back(name);
    } else if (!parsed.has_value()) {
      continue;
    } else if (parsed->suffix == kLogSuffix) {
      listing.segments.push_back(parsed->offset);
    } else if (parsed->suffix == kSnapshotSuffix) {
      listing.snapshots.push_back(parsed->offset);
    } else if (IsIndex(parsed->suffix)) {
      indexes.push_back(name);
    }
  }
  std::sort(listing.segments.begin(), listing.segments.end());
  std::sort(listing.snapshots.begin(), listing.snapshots.end());
  std::sort(listing.swaps.begin(), listing.swaps.end());
  for (const std::string& name : indexes) {
    const Offset base = ParseSegmentName(name)->offset;
    if (!std::binary_search(listing.segments.begin(), listing.segments.end(), base)) {
      listing.strays.push_back(name);
    }
  }
  return listing;
}

}  // namespace millrace::storage

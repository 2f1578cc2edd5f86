#include "storage/manifest.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include <absl/status/status.h>

#include "proto/internal/manifest.pb.h"
#include "proto/record/crc32c.h"

namespace millrace::storage {
namespace {

void Encode(const ClosedSegment& segment, internal::SegmentManifest& out) {
  out.set_base(segment.base.value());
  out.set_bytes(segment.bytes);
  out.set_next_offset(segment.next_offset.value());
  if (segment.newest.has_value()) {
    out.set_newest_timestamp(segment.newest->timestamp.value());
    out.set_newest_offset(segment.newest->offset.value());
  }
  out.set_offset_entries(segment.offsets.entries);
  if (segment.offsets.last.has_value()) {
    out.set_last_entry_offset(segment.offsets.last->offset.value());
    out.set_last_entry_position(segment.offsets.last->position);
  }
  out.set_time_entries(segment.times.entries);
  if (segment.times.last.has_value()) {
    out.set_last_time(segment.times.last->timestamp.value());
    out.set_last_time_offset(segment.times.last->offset.value());
  }
  out.set_bytes_since_entry(segment.bytes_since_entry);
  out.set_first_append(segment.first_append.value());
  out.set_last_append(segment.last_append.value());
}

ClosedSegment Decode(const internal::SegmentManifest& in) {
  ClosedSegment segment{.base = Offset(in.base()),
                        .bytes = in.bytes(),
                        .next_offset = Offset(in.next_offset()),
                        .offsets = {.entries = in.offset_entries()},
                        .times = {.entries = in.time_entries()},
                        .bytes_since_entry = in.bytes_since_entry(),
                        .first_append = TimestampMs(in.first_append()),
                        .last_append = TimestampMs(in.last_append())};
  if (in.has_newest_timestamp()) {
    segment.newest = {.timestamp = TimestampMs(in.newest_timestamp()),
                      .offset = Offset(in.newest_offset())};
  }
  if (in.offset_entries() > 0) {
    segment.offsets.last = {.offset = Offset(in.last_entry_offset()),
                            .position = in.last_entry_position()};
  }
  if (in.time_entries() > 0) {
    segment.times.last = {.timestamp = TimestampMs(in.last_time()),
                          .offset = Offset(in.last_time_offset())};
  }
  return segment;
}

bool IsPossible(const ClosedSegment& segment) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  if (segment.base.value() < 0 || segment.next_offset < segment.base) return false;
  if (segment.bytes < 0 || segment.bytes > kMost) return false;
  if (segment.offsets.entries < 0 || segment.times.entries < 0) return false;
  if (segment.offsets.last.has_value() && segment.offsets.last->position >= segment.bytes) {
    return false;
  }
  return segment.bytes_since_entry >= 0 &&
         (segment.bytes == 0) == (segment.next_offset == segment.base);
}

bool IsPossible(const ClosedLog& log) {
  if (log.segments.empty() || log.log_start < log.segments.front().base) return false;
  if (log.log_start > log.segments.back().next_offset) return false;
  for (size_t i = 0; i < log.segments.size(); ++i) {
    if (!IsPossible(log.segments[i])) return false;
    if (i > 0 && log.segments[i].base != log.segments[i - 1].next_offset) return false;
  }
  return true;
}

std::optional<ManifestEntry> Decode(internal::LogManifest& in) {
  ManifestEntry entry{.topic = std::move(*in.mutable_topic()),
                      .partition = PartitionIndex(in.partition())};
  if (in.topic_id().size() != entry.topic_id.bytes.size()) return std::nullopt;
  std::copy_n(reinterpret_cast<const std::byte*>(in.topic_id().data()), entry.topic_id.bytes.size(),
              entry.topic_id.bytes.begin());
  entry.log.log_start = Offset(in.log_start());
  for (const auto& segment : in.segments()) entry.log.segments.push_back(Decode(segment));
  auto epochs = LeaderEpochs::Decode(in.epochs());
  if (!epochs.ok() || !IsPossible(entry.log)) return std::nullopt;
  entry.log.epochs = *std::move(epochs);
  if (in.producers().empty()) return entry;
  auto producers = ProducerState::DecodeSnapshot(in.producers());
  if (!producers.ok()) return std::nullopt;
  entry.log.producers = *std::move(producers);
  return entry;
}

}  // namespace

std::string EncodeManifest(const std::vector<ManifestEntry>& entries) {
  internal::Manifest manifest;
  for (const ManifestEntry& entry : entries) {
    internal::LogManifest& out = *manifest.add_logs();
    out.set_topic(entry.topic);
    out.set_partition(entry.partition.value());
    out.set_topic_id(entry.topic_id.bytes.data(), entry.topic_id.bytes.size());
    out.set_log_start(entry.log.log_start.value());
    for (const ClosedSegment& segment : entry.log.segments) Encode(segment, *out.add_segments());
    out.set_epochs(entry.log.epochs.Encode());
    if (entry.log.producers.size() > 0) out.set_producers(entry.log.producers.EncodeSnapshot());
  }
  return manifest.SerializeAsString();
}

uint32_t ManifestChecksum(std::string_view bytes) {
  return record::Crc32c(std::as_bytes(std::span(bytes)));
}

absl::StatusOr<std::vector<ManifestEntry>> DecodeManifest(std::string_view bytes) {
  internal::Manifest manifest;
  if (!manifest.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("not a manifest");
  }
  std::vector<ManifestEntry> entries;
  entries.reserve(static_cast<size_t>(manifest.logs_size()));
  for (internal::LogManifest& log : *manifest.mutable_logs()) {
    std::optional<ManifestEntry> entry = Decode(log);
    if (!entry.has_value()) return absl::DataLossError("the manifest of a log is impossible");
    entries.push_back(*std::move(entry));
  }
  return entries;
}

}  // namespace millrace::storage

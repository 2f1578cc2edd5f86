#include "tools/dump_files.h"

#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <boost/json.hpp>
#include <fmt/format.h>

#include "proto/topic_id_text.h"
#include "storage/checkpoint_file.h"
#include "storage/data_directory_names.h"
#include "storage/directory_facts.h"
#include "storage/index_check.h"
#include "storage/leader_epochs.h"
#include "storage/meta_properties.h"
#include "storage/partition_directory.h"
#include "storage/producer_snapshot.h"
#include "storage/segment_files.h"
#include "storage/transaction_index.h"
#include "tools/dump_log.h"

namespace millrace::tools {
namespace {

namespace json = boost::json;

constexpr std::string_view kTopicIdFile = "partition.metadata";

// A file as a list of entries, and what is wrong with the rest of it.
struct Listing {
  std::vector<json::object> entries;
  std::string fault = {};
};

using Bytes = std::span<const std::byte>;

std::string WholeEntriesFault(size_t bytes, size_t entry_bytes) {
  if (bytes % entry_bytes == 0) return {};
  return fmt::format("{} bytes at the end are no whole entry of {}", bytes % entry_bytes,
                     entry_bytes);
}

Listing ListOffsetIndex(Bytes bytes, Offset base) {
  Listing listing{.entries = {},
                  .fault = WholeEntriesFault(bytes.size(), storage::OffsetIndex::kEntryBytes)};
  for (const auto& entry : storage::DecodeOffsetIndex(bytes, base)) {
    listing.entries.push_back({{"offset", entry.offset.value()}, {"position", entry.position}});
  }
  return listing;
}

Listing ListTimeIndex(Bytes bytes, Offset base) {
  Listing listing{.entries = {},
                  .fault = WholeEntriesFault(bytes.size(), storage::TimeIndex::kEntryBytes)};
  for (const auto& entry : storage::DecodeTimeIndex(bytes, base)) {
    listing.entries.push_back(
        {{"timestamp", entry.timestamp.value()}, {"offset", entry.offset.value()}});
  }
  return listing;
}

Listing ListTransactionIndex(Bytes bytes) {
  Listing listing{
      .entries = {},
      .fault = WholeEntriesFault(bytes.size(), storage::AbortedTransaction::kEntryBytes)};
  for (const auto& entry : storage::DecodeTransactionIndex(bytes)) {
    listing.entries.push_back({{"version", entry.version},
                               {"producerId", entry.producer.value()},
                               {"firstOffset", entry.first_offset.value()},
                               {"lastOffset", entry.last_offset.value()},
                               {"lastStableOffset", entry.last_stable_offset.value()}});
  }
  return listing;
}

Listing ListSnapshot(std::string_view bytes) {
  const auto entries = storage::DecodeProducerSnapshot(bytes);
  if (!entries.ok()) return {.entries = {}, .fault = std::string(entries.status().message())};
  Listing listing;
  for (const storage::ProducerSnapshotEntry& entry : *entries) {
    json::object object{{"producerId", entry.id.value()},
                        {"producerEpoch", entry.epoch.value()},
                        {"timestamp", entry.timestamp.value()}};
    if (entry.batch.has_value()) {
      object["lastSequence"] = entry.batch->last_sequence;
      object["firstOffset"] = (entry.batch->last_offset - entry.batch->offset_delta).value();
      object["lastOffset"] = entry.batch->last_offset.value();
    }
    if (entry.coordinator_epoch.has_value()) object["coordinatorEpoch"] = *entry.coordinator_epoch;
    if (entry.transaction_start.has_value()) {
      object["transactionStart"] = entry.transaction_start->value();
    }
    listing.entries.push_back(std::move(object));
  }
  return listing;
}

Listing ListEpochs(std::string_view text) {
  const auto epochs = storage::LeaderEpochs::Decode(text);
  if (!epochs.ok()) return {.entries = {}, .fault = std::string(epochs.status().message())};
  Listing listing;
  for (const auto& entry : epochs->entries()) {
    listing.entries.push_back(
        {{"epoch", entry.epoch.value()}, {"startOffset", entry.start.value()}});
  }
  return listing;
}

Listing ListCheckpoint(std::string_view text) {
  const auto entries = storage::DecodeCheckpoint(text);
  if (!entries.ok()) return {.entries = {}, .fault = std::string(entries.status().message())};
  Listing listing;
  for (const auto& entry : *entries) {
    listing.entries.push_back({{"topic", entry.topic},
                               {"partition", entry.partition.value()},
                               {"offset", entry.offset.value()}});
  }
  return listing;
}

Listing ListIdentity(std::string_view text) {
  const auto identity = storage::DecodeMetaProperties(text);
  if (!identity.ok()) return {.entries = {}, .fault = std::string(identity.status().message())};
  json::object object{{"clusterId", identity->cluster_id}, {"nodeId", identity->node_id.value()}};
  if (identity->directory_id.has_value()) object["directoryId"] = *identity->directory_id;
  return {.entries = {std::move(object)}};
}

Listing ListTopicId(const std::string& path) {
  const auto id =
      storage::ReadPartitionMetadata(storage::PosixFileSystem(), storage::ParentDirectory(path));
  if (!id.ok()) return {.entries = {}, .fault = std::string(id.status().message())};
  return {.entries = {{{"topicId", TopicIdText(*id)}}}};
}

Listing List(const std::string& path, std::string_view name, std::string_view content) {
  if (name == storage::kLeaderEpochFile) return ListEpochs(content);
  if (name == storage::kMetaProperties) return ListIdentity(content);
  if (name == kTopicIdFile) return ListTopicId(path);
  if (storage::IsCheckpointName(name)) return ListCheckpoint(content);
  const auto segment = storage::ParseSegmentName(name).value_or(storage::SegmentName{});
  const Bytes bytes = std::as_bytes(std::span(content));
  if (segment.suffix == storage::kIndexSuffix) return ListOffsetIndex(bytes, segment.offset);
  if (segment.suffix == storage::kTimeIndexSuffix) return ListTimeIndex(bytes, segment.offset);
  if (segment.suffix == storage::kTxnIndexSuffix) return ListTransactionIndex(bytes);
  return ListSnapshot(content);
}

std::string EntryText(const json::object& entry) {
  std::string text;
  for (const auto& [name, value] : entry) {
    if (!text.empty()) text += ", ";
    text += name;
    text += ' ';
    text += value.is_string() ? std::string(value.get_string()) : json::serialize(value);
  }
  return text;
}

}  // namespace

bool IsSmallFile(std::string_view name) {
  if (name == storage::kLeaderEpochFile || name == storage::kMetaProperties ||
      name == kTopicIdFile || storage::IsCheckpointName(name)) {
    return true;
  }
  const auto segment = storage::ParseSegmentName(name);
  return segment.has_value() && (segment->suffix == storage::kIndexSuffix ||
                                 segment->suffix == storage::kTimeIndexSuffix ||
                                 segment->suffix == storage::kTxnIndexSuffix ||
                                 segment->suffix == storage::kSnapshotSuffix);
}

int DumpSmallFile(const std::string& path, const LogDumpOptions& options) {
  const auto content = storage::ReadWholeFile(storage::PosixFileSystem(), path);
  if (!content.ok()) {
    PrintError(std::string(content.status().message()));
    return kCannotLook;
  }
  const std::string name = path.substr(path.rfind('/') + 1);
  Listing listing = List(path, name, *content);
  int64_t shown = 0;
  for (json::object& entry : listing.entries) {
    if (options.limit.has_value() && shown++ >= *options.limit) break;
    if (options.json) {
      entry["type"] = "entry";
      entry["file"] = path;
      PrintLine(json::serialize(entry));
    } else {
      PrintLine(EntryText(entry));
    }
  }
  if (listing.fault.empty()) return kWhole;
  if (options.json) {
    PrintLine(json::serialize(
        json::object{{"type", "damage"}, {"message", listing.fault}, {"file", path}}));
  } else {
    PrintLine(fmt::format("DAMAGED: {}", listing.fault));
  }
  return kDamaged;
}

}  // namespace millrace::tools

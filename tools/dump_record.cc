#include "tools/dump_record.h"

#include <cstdint>

#include <fmt/format.h>

#include "storage/index_file.h"
#include "tools/dump_text.h"

namespace millrace::tools {
namespace {

namespace json = boost::json;

constexpr int16_t kDeleteHorizonBit = 0x40;
constexpr size_t kMarkerKeyBytes = 4;    // version and type, int16 each
constexpr size_t kMarkerValueBytes = 6;  // version int16, coordinator epoch int32
constexpr int16_t kAbort = 0;
constexpr int16_t kCommit = 1;

std::string CodecText(const record::BatchView& batch) {
  const auto codec = batch.codec();
  return codec.has_value() ? std::string(record::CodecName(*codec)) : "unknown codec";
}

bool HasDeleteHorizon(const record::BatchView& batch) {
  return (batch.attributes() & kDeleteHorizonBit) != 0;
}

}  // namespace

std::optional<std::string_view> TextOf(const std::optional<std::span<const std::byte>>& bytes) {
  if (!bytes.has_value()) return std::nullopt;
  return AsText(*bytes);
}

json::object BatchToJson(const record::BatchView& batch) {
  json::object object{
      {"type", "batch"},
      {"baseOffset", batch.base_offset().value()},
      {"lastOffset", batch.last_offset().value()},
      {"records", batch.record_count()},
      {"bytes", batch.size_bytes()},
      {"codec", CodecText(batch)},
      {"leaderEpoch", batch.leader_epoch().value()},
      {"crc", fmt::format("{:08x}", batch.crc())},
      {"timestampType", batch.has_log_append_time() ? "LogAppendTime" : "CreateTime"},
      {"maxTimestamp", batch.max_timestamp().value()}};
  object[HasDeleteHorizon(batch) ? "deleteHorizon" : "baseTimestamp"] =
      batch.base_timestamp().value();
  if (const auto producer = batch.producer()) {
    object["producerId"] = producer->id.value();
    object["producerEpoch"] = producer->epoch.value();
    object["baseSequence"] = producer->base_sequence;
  }
  object["transactional"] = batch.is_transactional();
  object["control"] = batch.is_control();
  return object;
}

std::string BatchText(const record::BatchView& batch) {
  std::string text = fmt::format("offsets {}..{}, {} records, {} bytes, {}, {} {}, epoch {}",
                                 batch.base_offset().value(), batch.last_offset().value(),
                                 batch.record_count(), batch.size_bytes(), CodecText(batch),
                                 batch.has_log_append_time() ? "appended" : "created",
                                 TimeText(batch.max_timestamp()), batch.leader_epoch().value());
  if (const auto producer = batch.producer()) {
    text += fmt::format(", producer {} epoch {} sequence {}", producer->id.value(),
                        producer->epoch.value(), producer->base_sequence);
  }
  if (batch.is_transactional()) text += ", transactional";
  if (batch.is_control()) text += ", control";
  if (HasDeleteHorizon(batch)) {
    text += fmt::format(", delete horizon {}", TimeText(batch.base_timestamp()));
  }
  return text + fmt::format(", crc {:08x}", batch.crc());
}

json::object RecordToJson(const record::RecordView& record, size_t bytes_max) {
  json::object object{{"type", "record"},
                      {"offset", record.offset.value()},
                      {"timestamp", record.timestamp.value()}};
  PutBytes(object, "key", TextOf(record.key), bytes_max);
  PutBytes(object, "value", TextOf(record.value), bytes_max);
  json::array headers;
  record::HeaderReader reader(record);
  while (const auto header = reader.Next()) {
    json::object one;
    PutBytes(one, "key", header->key, bytes_max);
    PutBytes(one, "value", TextOf(header->value), bytes_max);
    headers.push_back(std::move(one));
  }
  if (!headers.empty()) object["headers"] = std::move(headers);
  return object;
}

std::string RecordText(const record::RecordView& record, const std::optional<json::object>& decoded,
                       size_t bytes_max) {
  const auto shown = [&](const std::optional<std::span<const std::byte>>& bytes) {
    return bytes.has_value() ? EscapedText(AsText(*bytes), bytes_max) : "null";
  };
  std::string text =
      fmt::format("offset {}, {}", record.offset.value(), TimeText(record.timestamp));
  if (decoded.has_value()) {
    text += ": " + json::serialize(*decoded);
  } else {
    text += fmt::format(", key: {}, value: {}", shown(record.key), shown(record.value));
  }
  record::HeaderReader reader(record);
  while (const auto header = reader.Next()) {
    text +=
        fmt::format(", header {}: {}", EscapedText(header->key, bytes_max), shown(header->value));
  }
  return text;
}

std::optional<json::object> MarkerToJson(const record::RecordView& record) {
  if (!record.key.has_value() || record.key->size() < kMarkerKeyBytes) return std::nullopt;
  const auto type = storage::LoadBig<int16_t>(record.key->data() + sizeof(int16_t));
  json::object object{{"kind", "marker"}};
  if (type == kAbort || type == kCommit) {
    object["marks"] = type == kCommit ? "commit" : "abort";
  } else {
    object["marks"] = type;
  }
  if (record.value.has_value() && record.value->size() >= kMarkerValueBytes) {
    object["coordinatorEpoch"] = storage::LoadBig<int32_t>(record.value->data() + sizeof(int16_t));
  }
  return object;
}

}  // namespace millrace::tools

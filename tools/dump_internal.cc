#include "tools/dump_internal.h"

#include <algorithm>
#include <string>

#include "proto/internal/group.pb.h"
#include "proto/internal/metadata.pb.h"
#include "proto/topic_id_text.h"
#include "proto/types.h"
#include "storage/metadata_names.h"
#include "tools/dump_text.h"

namespace millrace::tools {
namespace {

namespace json = boost::json;

// These records are small, and a part of one says nothing.
constexpr size_t kNeverCut = size_t{1} << 30;

template <class Message>
bool Parse(std::string_view bytes, Message& message) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void Put(json::object& object, std::string_view name, std::string_view bytes) {
  PutBytes(object, name, bytes, kNeverCut);
}

void PutTopicId(json::object& object, const std::string& bytes) {
  TopicId id;
  if (bytes.size() != id.bytes.size()) {
    Put(object, "topicId", bytes);
    return;
  }
  std::copy_n(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), id.bytes.begin());
  object["topicId"] = TopicIdText(id);
}

json::object ToJson(const internal::GroupMember& member) {
  json::object object;
  Put(object, "memberId", member.member_id());
  if (member.has_instance_id()) Put(object, "instanceId", member.instance_id());
  Put(object, "clientId", member.client_id());
  Put(object, "clientHost", member.client_host());
  object["sessionTimeoutMs"] = member.session_timeout_ms();
  object["rebalanceTimeoutMs"] = member.rebalance_timeout_ms();
  json::array protocols;
  for (const internal::GroupProtocol& protocol : member.protocols()) {
    json::object one;
    Put(one, "name", protocol.name());
    Put(one, "metadata", protocol.metadata());
    protocols.push_back(std::move(one));
  }
  object["protocols"] = std::move(protocols);
  Put(object, "assignment", member.assignment());
  return object;
}

json::array ToJson(const google::protobuf::RepeatedPtrField<internal::TopicPartitions>& topics) {
  json::array array;
  for (const internal::TopicPartitions& topic : topics) {
    json::object one;
    PutTopicId(one, topic.topic_id());
    json::array partitions;
    int64_t index = 0;
    for (uint32_t step : topic.steps()) partitions.push_back(index += step);
    one["partitions"] = std::move(partitions);
    array.push_back(std::move(one));
  }
  return array;
}

json::object ToJson(const internal::ConsumerMemberValue& member) {
  json::object object;
  if (member.has_instance_id()) Put(object, "instanceId", member.instance_id());
  if (member.has_rack_id()) Put(object, "rackId", member.rack_id());
  Put(object, "clientId", member.client_id());
  Put(object, "clientHost", member.client_host());
  object["rebalanceTimeoutMs"] = member.rebalance_timeout_ms();
  json::array topics;
  for (const std::string& topic : member.topics()) {
    json::object one;
    Put(one, "name", topic);
    topics.push_back(std::move(one));
  }
  object["topics"] = std::move(topics);
  Put(object, "regex", member.regex());
  if (member.has_assignor()) Put(object, "assignor", member.assignor());
  object["state"] = internal::ConsumerMemberState_Name(member.state());
  object["epoch"] = member.epoch();
  object["previousEpoch"] = member.previous_epoch();
  object["gainedEpoch"] = member.gained_epoch();
  object["gainedBeforeEpoch"] = member.gained_before_epoch();
  object["assigned"] = ToJson(member.assigned());
  object["revoking"] = ToJson(member.revoking());
  object["target"] = ToJson(member.target());
  return object;
}

json::object ToJson(const internal::GroupValue& value) {
  if (value.has_consumer()) {
    return {{"epoch", value.consumer().epoch()},
            {"targetEpoch", value.consumer().target_epoch()},
            {"topicsHash", value.consumer().topics_hash()},
            {"stateSinceMs", value.state_since_ms()}};
  }
  json::object object{{"generation", value.generation()},
                      {"state", internal::ClassicGroupState_Name(value.state())},
                      {"stateSinceMs", value.state_since_ms()}};
  if (value.has_protocol_type()) Put(object, "protocolType", value.protocol_type());
  if (value.has_protocol()) Put(object, "protocol", value.protocol());
  if (value.has_leader()) Put(object, "leader", value.leader());
  json::array members;
  for (const internal::GroupMember& member : value.members()) members.push_back(ToJson(member));
  object["members"] = std::move(members);
  return object;
}

json::object ToJson(const internal::OffsetValue& value) {
  json::object object{{"offset", value.offset()}};
  if (value.has_leader_epoch()) object["leaderEpoch"] = value.leader_epoch();
  Put(object, "metadata", value.metadata());
  object["committedMs"] = value.committed_ms();
  if (value.has_expires_ms()) object["expiresMs"] = value.expires_ms();
  return object;
}

template <class Configs>
json::object ConfigsToJson(const Configs& configs) {
  json::object object;
  for (const auto& [name, value] : configs) Put(object, name, value);
  return object;
}

json::array ToJson(const google::protobuf::RepeatedField<int32_t>& numbers) {
  return json::array(numbers.begin(), numbers.end());
}

json::object ToJson(const internal::TopicValue& value) {
  json::object object;
  PutTopicId(object, value.topic_id());
  object["internal"] = value.internal();
  json::array partitions;
  for (const internal::PartitionValue& partition : value.partitions()) {
    partitions.push_back(json::object{{"leader", partition.leader()},
                                      {"leaderEpoch", partition.leader_epoch()},
                                      {"replicas", ToJson(partition.replicas())},
                                      {"isr", ToJson(partition.isr())}});
  }
  object["partitions"] = std::move(partitions);
  object["configs"] = ConfigsToJson(value.configs());
  return object;
}

json::object ToJson(const internal::ConfigsValue& value) { return ConfigsToJson(value.configs()); }

json::object ToJson(const internal::ProducerIdsValue& value) { return {{"next", value.next()}}; }

// The value under `name`, null where the record deletes its key. False: it does not parse.
template <class Message>
bool PutValue(json::object& object, std::string_view name, std::optional<std::string_view> bytes) {
  object[name] = nullptr;
  if (!bytes.has_value()) return true;
  Message value;
  if (!Parse(*bytes, value)) return false;
  object[name] = ToJson(value);
  return true;
}

std::optional<json::object> DecodeGroupRecord(std::string_view key_bytes,
                                              std::optional<std::string_view> value) {
  internal::GroupRecordKey key;
  if (!Parse(key_bytes, key)) return std::nullopt;
  json::object object;
  if (key.has_group()) {
    object["kind"] = "group";
    Put(object, "group", key.group().group_id());
    if (!PutValue<internal::GroupValue>(object, "value", value)) return std::nullopt;
    return object;
  }
  if (key.has_consumer_member()) {
    object["kind"] = "consumerMember";
    Put(object, "group", key.consumer_member().group_id());
    Put(object, "memberId", key.consumer_member().member_id());
    if (!PutValue<internal::ConsumerMemberValue>(object, "value", value)) return std::nullopt;
    return object;
  }
  if (!key.has_offset()) return std::nullopt;
  object["kind"] = "offset";
  Put(object, "group", key.offset().group_id());
  PutTopicId(object, key.offset().topic_id());
  object["partition"] = key.offset().partition();
  if (!PutValue<internal::OffsetValue>(object, "value", value)) return std::nullopt;
  return object;
}

// The schema of a value goes by its key; what this version does not know is shown as bytes.
json::object EntryToJson(std::string_view key, std::optional<std::string_view> value) {
  json::object object;
  Put(object, "key", key);
  bool parsed = false;
  if (key.starts_with("topics/")) {
    parsed = PutValue<internal::TopicValue>(object, "value", value);
  } else if (key.starts_with("configs/")) {
    parsed = PutValue<internal::ConfigsValue>(object, "value", value);
  } else if (key == "producer-ids") {
    parsed = PutValue<internal::ProducerIdsValue>(object, "value", value);
  }
  if (!parsed) {
    object.erase("value");
    PutBytes(object, "value", value, kNeverCut);
  }
  return object;
}

std::optional<json::object> DecodeTransaction(std::string_view bytes) {
  internal::MetadataTransaction transaction;
  if (!Parse(bytes, transaction)) return std::nullopt;
  json::array operations;
  for (const internal::MetadataOperation& operation : transaction.operations()) {
    std::optional<std::string_view> value;
    if (operation.has_value()) value = operation.value();
    operations.push_back(EntryToJson(operation.key(), value));
  }
  return json::object{{"kind", "transaction"},
                      {"revision", transaction.revision()},
                      {"operations", std::move(operations)}};
}

std::optional<json::object> DecodeSnapshot(std::string_view bytes) {
  internal::MetadataSnapshot snapshot;
  if (!Parse(bytes, snapshot)) return std::nullopt;
  json::array entries;
  for (const internal::MetadataEntry& entry : snapshot.entries()) {
    json::object object = EntryToJson(entry.key(), entry.value());
    object["modified"] = entry.modified();
    entries.push_back(std::move(object));
  }
  return json::object{
      {"kind", "snapshot"}, {"revision", snapshot.revision()}, {"entries", std::move(entries)}};
}

}  // namespace

RecordSchema SchemaOf(std::string_view directory_name, std::string_view file_name) {
  if (file_name == storage::kMetadataSnapshot) return RecordSchema::kMetadataSnapshot;
  if (directory_name == storage::kMetadataDirectory) return RecordSchema::kMetadataLog;
  if (directory_name.starts_with("__consumer_offsets-")) return RecordSchema::kGroups;
  return RecordSchema::kNone;
}

std::optional<json::object> DecodeRecord(RecordSchema schema, std::optional<std::string_view> key,
                                         std::optional<std::string_view> value) {
  switch (schema) {
    case RecordSchema::kNone:
      return std::nullopt;
    case RecordSchema::kGroups:
      return key.has_value() ? DecodeGroupRecord(*key, value) : std::nullopt;
    case RecordSchema::kMetadataLog:
      return value.has_value() ? DecodeTransaction(*value) : std::nullopt;
    case RecordSchema::kMetadataSnapshot:
      return value.has_value() ? DecodeSnapshot(*value) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace millrace::tools

#include <array>

#include "broker/core/properties.h"

namespace millrace::core {

namespace {

using enum PropertyScope;
using enum PropertyType;

constexpr int64_t kInt32Max = INT32_MAX;
constexpr int64_t kMiB = 1 << 20;

constexpr std::array kTable = std::to_array<Property>({
    {"node.id", kBroker, kInt, "1", 0, kInt32Max, "", "", "The id of this broker."},
    {"broker.id", kBroker, kInt, "", -1, kInt32Max, "", "", "The older name of node.id."},
    {"broker.rack", kBroker, kText, "", 0, 0, "", "", "The rack that this broker stands in."},
    {"listeners", kBroker, kText, "PLAINTEXT://127.0.0.1:9092", 0, 0, "", "",
     "Where the broker listens: PLAINTEXT://host:port."},
    {"advertised.listeners", kBroker, kText, "", 0, 0, "", "",
     "The address that clients are told; required when the broker listens on all addresses."},
    {"log.dirs", kBroker, kText, "", 0, 0, "", "", "The data directory."},
    {"log.dir", kBroker, kText, "./millrace-data", 0, 0, "", "",
     "The data directory, if log.dirs is not set."},
    {"num.shards", kBroker, kInt, "0", 0, 256, "", "",
     "Threads that own partitions and connections; 0: one up to four cores, else half the cores."},
    {"num.disk.threads", kBroker, kInt, "4", 1, 256, "", "",
     "Threads for calls that may block on a disk."},
    {"num.partitions", kBroker, kInt, "1", 1, kInt32Max, "", "",
     "Partitions of a topic that is created without a number."},
    {"default.replication.factor", kBroker, kInt, "1", 1, INT16_MAX, "", "",
     "Replicas of a topic that is created without a number."},
    {"auto.create.topics.enable", kBroker, kBool, "true", 0, 0, "", "",
     "Whether asking for the metadata of an unknown topic creates it."},
    {"delete.topic.enable", kBroker, kBool, "true", 0, 0, "", "", "Whether topics can be deleted."},
    {"socket.request.max.bytes", kBroker, kInt, "104857600", 1, kInt32Max, "", "",
     "The largest request; a connection that announces more is closed."},
    {"socket.listen.backlog.size", kBroker, kInt, "511", 1, kInt32Max, "", "",
     "Connections that may wait to be accepted."},
    {"max.inflight.requests", kBroker, kInt, "1024", 1, kInt32Max, "", "",
     "Requests of one connection that may wait for their answer; then it is not read."},
    {"connections.max.idle.ms", kBroker, kLong, "600000", -1, INT64_MAX, "", "",
     "A connection without a request for this long is closed; -1: never."},
    {"max.connections", kBroker, kInt, "2147483647", 0, kInt32Max, "", "",
     "Connections in all; more are closed at once."},
    {"fetch.max.bytes", kBroker, kInt, "57671680", 1024, kInt32Max, "", "",
     "The most record bytes in one fetch answer."},
    {"max.incremental.fetch.session.cache.slots", kBroker, kInt, "1000", 0, kInt32Max, "", "",
     "Incremental fetch sessions that are kept."},
    {"log.retention.check.interval.ms", kBroker, kLong, "300000", 1, INT64_MAX, "", "",
     "How often old segments are looked for."},
    {"log.flush.offset.checkpoint.interval.ms", kBroker, kInt, "60000", 0, kInt32Max, "", "",
     "How often recovery points are written."},
    {"producer.id.expiration.ms", kBroker, kInt, "86400000", 1, kInt32Max, "", "",
     "How long a silent idempotent producer is remembered."},
    {"log.segment.bytes", kBroker, kInt, "1073741824", kMiB, kInt32Max, "", "",
     "The size at which a new segment is begun."},
    {"log.roll.ms", kBroker, kLong, "", 1, INT64_MAX, "", "",
     "The age at which a new segment is begun; over log.roll.hours."},
    {"log.roll.hours", kBroker, kInt, "168", 1, kInt32Max, "", "", "Likewise, in hours."},
    {"log.retention.ms", kBroker, kLong, "", -1, INT64_MAX, "", "",
     "How long records are kept, -1: for ever; over log.retention.minutes and hours."},
    {"log.retention.minutes", kBroker, kInt, "", -1, kInt32Max, "", "", "Likewise, in minutes."},
    {"log.retention.hours", kBroker, kInt, "168", -1, kInt32Max, "", "", "Likewise, in hours."},
    {"log.retention.bytes", kBroker, kLong, "-1", -1, INT64_MAX, "", "",
     "How many bytes of a partition are kept; -1: no limit."},
    {"log.index.size.max.bytes", kBroker, kInt, "10485760", 4, kInt32Max, "", "",
     "The largest size of an index; a full one begins a new segment."},
    {"log.index.interval.bytes", kBroker, kInt, "4096", 0, kInt32Max, "", "",
     "Bytes between two index entries."},
    {"log.message.timestamp.type", kBroker, kText, "CreateTime", 0, 0, "CreateTime,LogAppendTime",
     "", "Whose time records carry: the producer's or the broker's."},
    {"log.message.timestamp.before.max.ms", kBroker, kLong, "9223372036854775807", 0, INT64_MAX, "",
     "", "How far in the past a CreateTime may lie."},
    {"log.message.timestamp.after.max.ms", kBroker, kLong, "3600000", 0, INT64_MAX, "", "",
     "How far in the future a CreateTime may lie."},
    {"message.max.bytes", kBroker, kInt, "1048588", 0, kInt32Max, "", "",
     "The largest record batch."},
    {"min.insync.replicas", kBroker, kInt, "1", 1, kInt32Max, "", "",
     "Replicas that must be in sync for acks=all."},
    {"compression.type", kBroker, kText, "producer", 0, 0, "producer", "",
     "producer: batches stay as the producer compressed them."},
    {"log.cleanup.policy", kBroker, kText, "delete", 0, 0, "delete", "",
     "delete: old segments are deleted."},
    {"write.caching", kBroker, kBool, "false", 0, 0, "", "",
     "true: acks=all is answered from the page cache, and power loss may take records back."},

    {"segment.bytes", kTopic, kInt, "", kMiB, kInt32Max, "", "log.segment.bytes", ""},
    {"segment.ms", kTopic, kLong, "", 1, INT64_MAX, "", "log.roll.ms", ""},
    {"segment.index.bytes", kTopic, kInt, "", 4, kInt32Max, "", "log.index.size.max.bytes", ""},
    {"index.interval.bytes", kTopic, kInt, "", 0, kInt32Max, "", "log.index.interval.bytes", ""},
    {"retention.ms", kTopic, kLong, "", -1, INT64_MAX, "", "log.retention.ms", ""},
    {"retention.bytes", kTopic, kLong, "", -1, INT64_MAX, "", "log.retention.bytes", ""},
    {"max.message.bytes", kTopic, kInt, "", 0, kInt32Max, "", "message.max.bytes", ""},
    {"message.timestamp.type", kTopic, kText, "", 0, 0, "CreateTime,LogAppendTime",
     "log.message.timestamp.type", ""},
    {"message.timestamp.before.max.ms", kTopic, kLong, "", 0, INT64_MAX, "",
     "log.message.timestamp.before.max.ms", ""},
    {"message.timestamp.after.max.ms", kTopic, kLong, "", 0, INT64_MAX, "",
     "log.message.timestamp.after.max.ms", ""},
    {"min.insync.replicas", kTopic, kInt, "", 1, kInt32Max, "", "min.insync.replicas", ""},
    {"compression.type", kTopic, kText, "", 0, 0, "producer", "compression.type", ""},
    {"cleanup.policy", kTopic, kText, "", 0, 0, "delete", "log.cleanup.policy", ""},
    {"write.caching", kTopic, kBool, "", 0, 0, "", "write.caching", ""},
});

}  // namespace

std::span<const Property> AllProperties() { return kTable; }

}  // namespace millrace::core

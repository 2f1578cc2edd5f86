#include <array>

#include "broker/core/properties.h"

namespace millrace::core {

namespace {

using enum PropertyScope;
using enum PropertyType;
using enum UpdateMode;

constexpr int64_t kInt32Max = INT32_MAX;
constexpr int64_t kMiB = 1 << 20;
constexpr std::string_view kLongest = "9223372036854775807";
constexpr bool kNoEffect = false;

constexpr std::array kTable = std::to_array<Property>({
    {"node.id", kBroker, kInt, "1", 0, kInt32Max, "", "", "The id of this broker."},
    {"broker.id", kBroker, kInt, "", -1, kInt32Max, "", "", "The older name of node.id."},
    {"broker.rack", kBroker, kText, "", 0, 0, "", "", "The rack that this broker stands in."},
    {"listeners", kBroker, kList, "PLAINTEXT://127.0.0.1:9092", 0, 0, "", "",
     "Where the broker listens: PLAINTEXT://host:port."},
    {"advertised.listeners", kBroker, kList, "", 0, 0, "", "",
     "The address that clients are told; required when the broker listens on all addresses."},
    {"listener.security.protocol.map", kBroker, kText,
     "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL", 0, 0, "", "",
     "Which protocol the name of a listener stands for; only PLAINTEXT is supported."},
    {"controller.listener.names", kBroker, kList, "", 0, 0, "", "",
     "Listeners that are left out: they are for Kafka's controllers, which do not exist here."},
    {"log.dirs", kBroker, kList, "", 0, 0, "", "", "The data directory."},
    {"log.dir", kBroker, kList, "./millrace-data", 0, 0, "", "",
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
     "How long a silent idempotent producer is remembered.", kClusterWide},
    {"log.segment.bytes", kBroker, kInt, "1073741824", kMiB, kInt32Max, "", "",
     "The size at which a new segment is begun.", kClusterWide},
    {"log.roll.ms", kBroker, kLong, "", 1, INT64_MAX, "", "",
     "The age at which a new segment is begun; over log.roll.hours.", kClusterWide},
    {"log.roll.hours", kBroker, kInt, "168", 1, kInt32Max, "", "", "Likewise, in hours."},
    {"log.roll.jitter.ms", kBroker, kLong, "", 0, INT64_MAX, "", "",
     "By how much less than that age a segment may be replaced, so that not all are at once; over "
     "log.roll.jitter.hours.",
     kClusterWide},
    {"log.roll.jitter.hours", kBroker, kInt, "0", 0, kInt32Max, "", "", "Likewise, in hours."},
    {"log.retention.ms", kBroker, kLong, "", -1, INT64_MAX, "", "",
     "How long records are kept, -1: for ever; over log.retention.minutes and hours.",
     kClusterWide},
    {"log.retention.minutes", kBroker, kInt, "", -1, kInt32Max, "", "", "Likewise, in minutes."},
    {"log.retention.hours", kBroker, kInt, "168", -1, kInt32Max, "", "", "Likewise, in hours."},
    {"log.retention.bytes", kBroker, kLong, "-1", INT64_MIN, INT64_MAX, "", "",
     "How many bytes of a partition are kept; negative: no limit.", kClusterWide},
    {"log.segment.delete.delay.ms", kBroker, kLong, "60000", 0, INT64_MAX, "", "",
     "How long the files of removed segments stay, renamed, before they are deleted.",
     kClusterWide},
    {"log.index.size.max.bytes", kBroker, kInt, "10485760", 4, kInt32Max, "", "",
     "The largest size of an index; a full one begins a new segment.", kClusterWide},
    {"log.index.interval.bytes", kBroker, kInt, "4096", 0, kInt32Max, "", "",
     "Bytes between two index entries.", kClusterWide},
    {"log.preallocate", kBroker, kBool, "false", 0, 0, "", "",
     "true: space for a whole segment is reserved at once, else in steps ahead of its end.",
     kClusterWide},
    {"log.flush.interval.messages", kBroker, kLong, kLongest, 1, INT64_MAX, "", "",
     "A sync starts when that many records have not been synced, whatever their acks.",
     kClusterWide},
    {"log.flush.interval.ms", kBroker, kLong, "", 0, INT64_MAX, "", "",
     "A sync starts when a record has not been synced for that long, whatever its acks; over "
     "log.flush.scheduler.interval.ms.",
     kClusterWide},
    {"log.flush.scheduler.interval.ms", kBroker, kLong, kLongest, 0, INT64_MAX, "", "",
     "The value of log.flush.interval.ms where that is not set."},
    {"log.message.timestamp.type", kBroker, kText, "CreateTime", 0, 0, "CreateTime,LogAppendTime",
     "", "Whose time records carry: the producer's or the broker's.", kClusterWide},
    {"log.message.timestamp.before.max.ms", kBroker, kLong, kLongest, 0, INT64_MAX, "", "",
     "How far in the past a CreateTime may lie.", kClusterWide},
    {"log.message.timestamp.after.max.ms", kBroker, kLong, "3600000", 0, INT64_MAX, "", "",
     "How far in the future a CreateTime may lie.", kClusterWide},
    {"message.max.bytes", kBroker, kInt, "1048588", 0, kInt32Max, "", "",
     "The largest record batch.", kClusterWide},
    {"min.insync.replicas", kBroker, kInt, "1", 1, kInt32Max, "", "",
     "Replicas that must be in sync for acks=all.", kClusterWide},
    {"compression.type", kBroker, kText, "producer", 0, 0,
     "producer,uncompressed,gzip,snappy,lz4,zstd", "",
     "The codec of stored batches, the others are rebuilt; producer: as they were sent.",
     kClusterWide},
    {"compression.gzip.level", kBroker, kInt, "-1", -1, 9, "-1,1,2,3,4,5,6,7,8,9", "",
     "The level where compression.type is gzip; -1: zlib's own choice, 6.", kClusterWide},
    {"compression.lz4.level", kBroker, kInt, "9", 1, 17, "", "",
     "The level where compression.type is lz4; 9, the default, is the fast compressor.",
     kClusterWide},
    {"compression.zstd.level", kBroker, kInt, "3", -131072, 22, "", "",
     "The level where compression.type is zstd.", kClusterWide},
    {"record.validation", kBroker, kText, "default", 0, 0, "default,full", "",
     "full: compressed batches are opened and every record in them is checked.", kClusterWide},
    {"log.cleanup.policy", kBroker, kList, "delete", 0, 0, "delete", "",
     "delete: old segments are deleted; empty: everything is kept.", kClusterWide},
    {"write.caching", kBroker, kBool, "false", 0, 0, "", "",
     "true: acks=all is answered from the page cache, and power loss may take records back.",
     kClusterWide},
    {"unclean.leader.election.enable", kBroker, kBool, "false", 0, 0, "", "",
     "Whether a replica that is not in sync may become leader; there are no other replicas.",
     kClusterWide, kNoEffect},
    {"log.cleaner.delete.retention.ms", kBroker, kLong, "86400000", 0, INT64_MAX, "", "",
     "How long tombstones of compacted topics are kept.", kClusterWide, kNoEffect},
    {"log.cleaner.min.cleanable.ratio", kBroker, kDouble, "0.5", 0, 1, "", "",
     "The share of a compacted log that has not been compacted which starts it.", kClusterWide,
     kNoEffect},
    {"log.cleaner.min.compaction.lag.ms", kBroker, kLong, "0", 0, INT64_MAX, "", "",
     "How long a record of a compacted topic stays at least.", kClusterWide, kNoEffect},
    {"log.cleaner.max.compaction.lag.ms", kBroker, kLong, kLongest, 1, INT64_MAX, "", "",
     "How long a record of a compacted topic waits for compaction at most.", kClusterWide,
     kNoEffect},
    {"log.local.retention.ms", kBroker, kLong, "-2", -2, INT64_MAX, "", "",
     "How long segments stay here that tiered storage has.", kClusterWide, kNoEffect},
    {"log.local.retention.bytes", kBroker, kLong, "-2", -2, INT64_MAX, "", "",
     "How many bytes of segments stay here that tiered storage has.", kClusterWide, kNoEffect},

    {"cleanup.policy", kTopic, kList, "", 0, 0, "delete", "log.cleanup.policy", ""},
    {"compression.type", kTopic, kText, "", 0, 0, "producer,uncompressed,gzip,snappy,lz4,zstd",
     "compression.type", ""},
    {"compression.gzip.level", kTopic, kInt, "", -1, 9, "-1,1,2,3,4,5,6,7,8,9",
     "compression.gzip.level", ""},
    {"compression.lz4.level", kTopic, kInt, "", 1, 17, "", "compression.lz4.level", ""},
    {"compression.zstd.level", kTopic, kInt, "", -131072, 22, "", "compression.zstd.level", ""},
    {"delete.retention.ms", kTopic, kLong, "", 0, INT64_MAX, "", "log.cleaner.delete.retention.ms",
     "", kClusterWide, kNoEffect},
    {"file.delete.delay.ms", kTopic, kLong, "", 0, INT64_MAX, "", "log.segment.delete.delay.ms",
     ""},
    {"flush.messages", kTopic, kLong, "", 1, INT64_MAX, "", "log.flush.interval.messages", ""},
    {"flush.ms", kTopic, kLong, "", 0, INT64_MAX, "", "log.flush.interval.ms",
     "A sync starts when a record has not been synced for that long, whatever its acks."},
    {"follower.replication.throttled.replicas", kTopic, kList, "", 0, 0, "", "",
     "Replicas whose following is throttled; there are no followers.", kClusterWide, kNoEffect},
    {"index.interval.bytes", kTopic, kInt, "", 0, kInt32Max, "", "log.index.interval.bytes", ""},
    {"leader.replication.throttled.replicas", kTopic, kList, "", 0, 0, "", "",
     "Replicas whose leader is throttled; there are no followers.", kClusterWide, kNoEffect},
    {"local.retention.bytes", kTopic, kLong, "", -2, INT64_MAX, "", "log.local.retention.bytes", "",
     kClusterWide, kNoEffect},
    {"local.retention.ms", kTopic, kLong, "", -2, INT64_MAX, "", "log.local.retention.ms", "",
     kClusterWide, kNoEffect},
    {"max.compaction.lag.ms", kTopic, kLong, "", 1, INT64_MAX, "",
     "log.cleaner.max.compaction.lag.ms", "", kClusterWide, kNoEffect},
    {"max.message.bytes", kTopic, kInt, "", 0, kInt32Max, "", "message.max.bytes", ""},
    {"message.timestamp.after.max.ms", kTopic, kLong, "", 0, INT64_MAX, "",
     "log.message.timestamp.after.max.ms", ""},
    {"message.timestamp.before.max.ms", kTopic, kLong, "", 0, INT64_MAX, "",
     "log.message.timestamp.before.max.ms", ""},
    {"message.timestamp.type", kTopic, kText, "", 0, 0, "CreateTime,LogAppendTime",
     "log.message.timestamp.type", ""},
    {"min.cleanable.dirty.ratio", kTopic, kDouble, "", 0, 1, "", "log.cleaner.min.cleanable.ratio",
     "", kClusterWide, kNoEffect},
    {"min.compaction.lag.ms", kTopic, kLong, "", 0, INT64_MAX, "",
     "log.cleaner.min.compaction.lag.ms", "", kClusterWide, kNoEffect},
    {"min.insync.replicas", kTopic, kInt, "", 1, kInt32Max, "", "min.insync.replicas", ""},
    {"preallocate", kTopic, kBool, "", 0, 0, "", "log.preallocate", ""},
    {"remote.log.copy.disable", kTopic, kBool, "false", 0, 0, "", "",
     "Whether nothing more goes to tiered storage.", kClusterWide, kNoEffect},
    {"remote.log.delete.on.disable", kTopic, kBool, "false", 0, 0, "", "",
     "Whether leaving tiered storage deletes what is there.", kClusterWide, kNoEffect},
    {"remote.storage.enable", kTopic, kBool, "false", 0, 0, "false", "",
     "Whether the topic uses tiered storage, which this broker does not have.", kClusterWide,
     kNoEffect},
    {"record.validation", kTopic, kText, "", 0, 0, "default,full", "record.validation", ""},
    {"retention.bytes", kTopic, kLong, "", INT64_MIN, INT64_MAX, "", "log.retention.bytes", ""},
    {"retention.ms", kTopic, kLong, "", -1, INT64_MAX, "", "log.retention.ms",
     "How long records are kept; -1: for ever."},
    {"segment.bytes", kTopic, kInt, "", kMiB, kInt32Max, "", "log.segment.bytes", ""},
    {"segment.index.bytes", kTopic, kInt, "", 4, kInt32Max, "", "log.index.size.max.bytes", ""},
    {"segment.jitter.ms", kTopic, kLong, "", 0, INT64_MAX, "", "log.roll.jitter.ms",
     "By how much less than segment.ms a segment may be replaced, so that not all are at once."},
    {"segment.ms", kTopic, kLong, "", 1, INT64_MAX, "", "log.roll.ms",
     "The age at which a new segment is begun."},
    {"unclean.leader.election.enable", kTopic, kBool, "", 0, 0, "",
     "unclean.leader.election.enable", "", kClusterWide, kNoEffect},
    {"write.caching", kTopic, kBool, "", 0, 0, "", "write.caching", ""},
});

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kHourMs = 60 * kMinuteMs;

constexpr std::array kRetention = std::to_array<Unit>({{"log.retention.ms", 1},
                                                       {"log.retention.minutes", kMinuteMs},
                                                       {"log.retention.hours", kHourMs}});
constexpr std::array kRoll = std::to_array<Unit>({{"log.roll.ms", 1}, {"log.roll.hours", kHourMs}});
constexpr std::array kRollJitter =
    std::to_array<Unit>({{"log.roll.jitter.ms", 1}, {"log.roll.jitter.hours", kHourMs}});
constexpr std::array kFlush =
    std::to_array<Unit>({{"log.flush.interval.ms", 1}, {"log.flush.scheduler.interval.ms", 1}});

}  // namespace

std::span<const Property> AllProperties() { return kTable; }

std::span<const Unit> UnitsOf(std::string_view broker_name) {
  constexpr std::array kGroups =
      std::to_array<std::span<const Unit>>({kRetention, kRoll, kRollJitter, kFlush});
  for (std::span<const Unit> group : kGroups) {
    for (const Unit& unit : group) {
      if (unit.name == broker_name) return group;
    }
  }
  return {};
}

}  // namespace millrace::core

// What a topic's properties mean to its partitions: the topic's own values over the broker's.
//
// Pure. The values have been checked when they were set.
#pragma once

#include <cstdint>

#include "broker/core/properties.h"
#include "broker/partition/partition.h"
#include "storage/log.h"

namespace millrace::service {

struct TopicSettings {
  storage::LogOptions log;
  partition::PartitionOptions partition;
  int32_t min_insync_replicas = 1;
};

TopicSettings MakeTopicSettings(const core::Properties& broker,
                                const core::PropertyValues& topic_configs);

}  // namespace millrace::service

// Which partitions the user means by --topic.
#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/group_client.h"

namespace millrace::tools {

// Wrong texts are InvalidArgument; topics and partitions that are not there are named. In order,
// nothing twice.
absl::StatusOr<TopicPartitions> SelectPartitions(GroupClient& client,
                                                 const std::vector<std::string>& topics);

// Whether every text can be read, for before anything is asked.
absl::Status CheckSelections(const std::vector<std::string>& topics);

}  // namespace millrace::tools

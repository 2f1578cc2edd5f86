// A broker inside a test's process: on a free port of 127.0.0.1, in milliseconds.
//
//   auto broker = EmbeddedBroker::Start({.data_directory = dir, .shards = 4});
//   connect to 127.0.0.1:(*broker)->port()
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/app/broker.h"

namespace millrace {

struct EmbeddedBrokerOptions {
  std::string data_directory;  // or several, as log.dirs has them
  size_t shards = 1;
  std::vector<NameAndValue> properties;
  uint16_t port = 0;  // 0: a free one
  // Of the data directory; null: the kernel's. Outlives the broker.
  storage::FileSystem* file_system = nullptr;
};

class EmbeddedBroker {
 public:
  static absl::StatusOr<std::unique_ptr<Broker>> Start(const EmbeddedBrokerOptions& options);
};

}  // namespace millrace

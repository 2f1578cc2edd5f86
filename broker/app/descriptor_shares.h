// Divides the process's descriptors between connections and the files of logs. Each has a part that
// the other never gets; of the rest connections come first, and files get what these leave, so that
// thousands of partitions keep their files open where there are few clients.
//
// Pure. One thread.
#pragma once

#include <cstddef>

namespace millrace {

class DescriptorShares {
 public:
  // Connections get descriptors in advance, so many at a time.
  static constexpr size_t kStep = 256;

  // Of so many that the process may have.
  explicit DescriptorShares(size_t descriptors);

  size_t connections_max() const { return shared_ - files_min_; }
  // What files may have at present.
  size_t files() const;
  // So many connections are open. True: files() is another.
  bool OnConnections(size_t open);

 private:
  size_t shared_;  // without those for what has no count: listeners, directories, checkpoints
  size_t files_min_;
  size_t connections_min_;
  size_t for_connections_;
};

}  // namespace millrace

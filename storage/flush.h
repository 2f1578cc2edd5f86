// What one flush of a log has to do on the disk, taken down on the log's thread and carried out on
// another. For the files of storage/log.h only.
//
// Run() touches nothing of the log: it works on its own copies.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "proto/types.h"
#include "storage/file_system.h"
#include "storage/segment.h"

namespace millrace::storage {

struct FlushWork {
  struct Dirty {
    std::shared_ptr<Segment> segment;  // for the log's thread only
    std::shared_ptr<File> log;
    int64_t bytes;
  };
  struct Rolled {
    std::shared_ptr<Segment> segment;  // for the log's thread only
    SealWork seal;
    std::string snapshot_path;
    std::string snapshot;
  };

  // OK: the records are durable. On a full disk sealing may have been put off: see `sealed`.
  absl::Status Run();

  FileSystem* fs;
  std::string directory;
  Offset end;  // what is below is durable afterwards
  std::vector<Dirty> dirty;
  std::vector<Rolled> rolled;
  bool sync_directory = false;
  std::optional<std::string> epochs;  // the checkpoint to write; none: it is up to date
  int64_t epoch_changes = 0;
  int64_t rolls = 0;
  size_t sealed = 0;  // of `rolled`, by Run()

 private:
  absl::Status Seal();
};

}  // namespace millrace::storage

// Work that may block on the disk, cut in two so that a shard never waits: `run` may be called on
// any thread, once; `finish` is called afterwards on the thread that owns the log, and only when
// `run` returned OK. A job whose `run` failed is dropped; what failed is in its status.
#pragma once

#include <cstdint>

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

namespace millrace::storage {

struct DiskJob {
  absl::AnyInvocable<absl::Status()> run;
  absl::AnyInvocable<void()> finish;
  int64_t reserved_bytes = 0;  // of the disk, ahead of need (Log::Preallocate)
};

}  // namespace millrace::storage

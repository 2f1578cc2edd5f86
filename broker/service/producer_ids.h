// Fresh producer ids, each given out once in the cluster's life: taken from the metadata store in
// blocks, so that most cost nothing.
//
// Threading: Next may be called on any shard; the rest lives on the store's.
#pragma once

#include <absl/status/statusor.h>

#include "broker/metadata/store.h"
#include "broker/runtime/shard.h"

namespace millrace::service {

class ProducerIds {
 public:
  ProducerIds(Shard& shard, metadata::MetadataStore& store) : shard_(shard), store_(store) {}

  awaitable<absl::StatusOr<ProducerId>> Next() { return shard_.Run(NextHere()); }

 private:
  static constexpr int64_t kBlockSize = 1000;

  awaitable<absl::StatusOr<ProducerId>> NextHere();
  awaitable<absl::Status> TakeBlock();

  Shard& shard_;
  metadata::MetadataStore& store_;
  int64_t next_ = 0;
  int64_t block_end_ = 0;
};

}  // namespace millrace::service

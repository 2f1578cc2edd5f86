// The cluster image as each shard sees it: a pointer of its own, replaced as a whole.
//
// Threading: current() on any shard gives that shard's image; it stays valid until the shard's next
// turn, so hold ptr() across a co_await. Publish is called on one shard only.
#pragma once

#include <vector>

#include "broker/core/cluster_image.h"
#include "broker/runtime/shard.h"

namespace millrace::service {

class ClusterView {
 public:
  ClusterView(ShardSet& shards, core::ImagePtr first) : shards_(shards), images_(shards.size()) {
    for (Aligned& image : images_) image.ptr = first;
  }

  const core::ClusterImage& current() const { return *ptr(); }
  const core::ImagePtr& ptr() const { return images_[Shard::Current().index()].ptr; }

  // Returns when every shard sees `image`.
  awaitable<void> Publish(core::ImagePtr image);

 private:
  // Shards replace their pointers at the same time: each gets its own cache line.
  struct alignas(64) Aligned {
    core::ImagePtr ptr;
  };

  awaitable<void> Take(core::ImagePtr image);

  ShardSet& shards_;
  std::vector<Aligned> images_;
};

}  // namespace millrace::service

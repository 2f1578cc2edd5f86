#include "broker/service/cluster_view.h"

#include <utility>

namespace millrace::service {

awaitable<void> ClusterView::Publish(core::ImagePtr image) {
  for (size_t i = 0; i < shards_.size(); ++i) co_await shards_[i].Run(Take(image));
}

awaitable<void> ClusterView::Take(core::ImagePtr image) {
  images_[Shard::Current().index()].ptr = std::move(image);
  co_return;
}

}  // namespace millrace::service

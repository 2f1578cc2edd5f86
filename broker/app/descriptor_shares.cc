#include "broker/app/descriptor_shares.h"

#include <algorithm>

namespace millrace {

namespace {

constexpr size_t kUncounted = 128;

}  // namespace

DescriptorShares::DescriptorShares(size_t descriptors)
    : shared_(descriptors > 2 * kUncounted ? descriptors - kUncounted : descriptors / 2),
      files_min_(shared_ * 9 / 20),
      connections_min_(std::max(shared_ / 20, kStep)),
      for_connections_(connections_min_) {}

size_t DescriptorShares::files() const {
  return std::max(files_min_, shared_ - std::min(shared_, for_connections_));
}

// What connections have given back they may soon want again: files get it two steps late.
bool DescriptorShares::OnConnections(size_t open) {
  const size_t wanted = open + kStep;
  if (wanted <= for_connections_ && wanted + 3 * kStep > for_connections_) return false;
  const size_t before = files();
  for_connections_ = std::max(connections_min_, (wanted + kStep - 1) / kStep * kStep);
  return files() != before;
}

}  // namespace millrace

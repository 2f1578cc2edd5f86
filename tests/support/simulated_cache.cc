#include "tests/support/simulated_cache.h"

#include <algorithm>

namespace millrace::test {

void SimulatedCache::Evict(const std::string& path_contains) {
  evicted_.push_back(path_contains);
  std::erase_if(resident_, [&](const auto& file) {
    return file.first.find(path_contains) != std::string::npos;
  });
}

bool SimulatedCache::WasEvicted(const std::string& path) const {
  return std::any_of(evicted_.begin(), evicted_.end(),
                     [&](const std::string& text) { return path.find(text) != std::string::npos; });
}

bool SimulatedCache::IsResident(const std::string& path, int64_t position, int64_t length) const {
  if (length <= 0 || !WasEvicted(path)) return true;
  const auto pages = resident_.find(path);
  if (pages == resident_.end()) return false;
  for (int64_t page = position / kPageBytes; page * kPageBytes < position + length; ++page) {
    if (!pages->second.contains(page)) return false;
  }
  return true;
}

void SimulatedCache::Add(const std::string& path, int64_t position, int64_t length) {
  if (!WasEvicted(path)) return;
  for (int64_t page = position / kPageBytes; page * kPageBytes < position + length; ++page) {
    resident_[path].insert(page);
  }
}

void SimulatedCache::OnRead(const std::string& path, int64_t position, int64_t length) {
  if (IsResident(path, position, length)) return;
  ++cold_reads_;
  Add(path, position, length);
}

void SimulatedCache::OnWrite(const std::string& path, int64_t position, int64_t length) {
  Add(path, position, length);
}

void SimulatedCache::Load(const std::string& path, int64_t position, int64_t length) {
  loads_.push_back({path, position, length});
  Add(path, position, length);
}

void SimulatedCache::Release(const std::string& path, int64_t position, int64_t length) {
  releases_.push_back({path, position, length});
  const auto pages = resident_.find(path);
  if (pages == resident_.end()) return;
  // As the kernel does, only whole pages.
  const int64_t end = (position + length) / kPageBytes;
  for (int64_t page = (position + kPageBytes - 1) / kPageBytes; page < end; ++page) {
    pages->second.erase(page);
  }
}

}  // namespace millrace::test

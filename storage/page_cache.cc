#include "storage/page_cache.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace millrace::storage {
namespace {

// As in <linux/mman.h> and <linux/fs.h>, which the C library here does not have yet.
constexpr long kCachestat = 451;
constexpr int kNoWait = 0x00000008;
struct CachestatRange {
  uint64_t offset;
  uint64_t length;
};
struct Cachestat {
  uint64_t cached;
  uint64_t dirty;
  uint64_t under_write_back;
  uint64_t evicted;
  uint64_t recently_evicted;
};

// One byte of each such piece is asked for: the kernel reads ahead by as much, or more.
constexpr int64_t kProbeBytes = 128 << 10;
// What one call copies where the file system cannot send from its pages.
constexpr size_t kCopyBytes = 64 << 10;

int64_t PageBytes() {
  static const int64_t bytes = ::sysconf(_SC_PAGESIZE);
  return bytes;
}

bool IsByteReadable(int descriptor, int64_t position) {
  std::byte byte;
  const iovec target{.iov_base = &byte, .iov_len = 1};
  const ssize_t count = ::preadv2(descriptor, &target, 1, position, kNoWait);
  return count >= 0 || errno != EAGAIN;
}

// To nowhere: the kernel waits for the pages and looks at no byte of them.
int NullDevice() {
  static const int descriptor = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  return descriptor;
}

int ReadAndForget(int descriptor, int64_t position, int64_t length) {
  std::array<std::byte, kCopyBytes> buffer;
  while (length > 0) {
    const auto wanted = static_cast<size_t>(std::min<int64_t>(length, kCopyBytes));
    const ssize_t count = ::pread(descriptor, buffer.data(), wanted, position);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return 0;
    position += count;
    length -= count;
  }
  return 0;
}

}  // namespace

std::optional<bool> AskPageCache(int descriptor, int64_t position, int64_t length) {
  static std::atomic<bool> has_cachestat = true;
  if (length <= 0) return true;
  if (!has_cachestat.load(std::memory_order_relaxed)) return std::nullopt;
  const CachestatRange range{static_cast<uint64_t>(position), static_cast<uint64_t>(length)};
  Cachestat found{};
  if (::syscall(kCachestat, descriptor, &range, &found, 0U) == 0) {
    const int64_t pages = (position + length - 1) / PageBytes() - position / PageBytes() + 1;
    return found.cached >= static_cast<uint64_t>(pages);
  }
  if (errno == EOPNOTSUPP || errno == EBADF) return true;  // not a file that has pages
  has_cachestat.store(false, std::memory_order_relaxed);
  return std::nullopt;
}

bool IsInPageCache(int descriptor, int64_t position, int64_t length) {
  const std::optional<bool> is_cached = AskPageCache(descriptor, position, length);
  return is_cached.has_value() ? *is_cached : IsReadable(descriptor, position, length);
}

bool IsReadable(int descriptor, int64_t position, int64_t length) {
  if (length <= 0) return true;
  for (int64_t at = 0; at < length; at += kProbeBytes) {
    if (!IsByteReadable(descriptor, position + at)) return false;
  }
  return IsByteReadable(descriptor, position + length - 1);
}

// The kernel reads ahead by itself, in large pieces of memory: with readahead(2), which takes
// single pages, all that follows costs several times as much.
int LoadIntoPageCache(int descriptor, int64_t position, int64_t length) {
  off_t at = position;
  const off_t end = position + length;
  while (at < end) {
    const ssize_t count = ::sendfile(NullDevice(), descriptor, &at, static_cast<size_t>(end - at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EINVAL || errno == EBADF)) {
      return ReadAndForget(descriptor, at, end - at);
    }
    if (count < 0) return errno;
    if (count == 0) return 0;
  }
  return 0;
}

}  // namespace millrace::storage

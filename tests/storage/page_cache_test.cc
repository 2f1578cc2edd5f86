#include "storage/page_cache.h"

#include <fcntl.h>
#include <string>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/support/temporary_directory.h"

namespace millrace::storage {
namespace {

constexpr int64_t kBytes = 3 << 20;

// A file whose pages were written, synced and given back. A file system in memory keeps them.
class ReleasedFile {
 public:
  ReleasedFile() {
    const std::string content(kBytes, 'x');
    REQUIRE(descriptor >= 0);
    REQUIRE(::pwrite(descriptor, content.data(), content.size(), 0) == kBytes);
    REQUIRE(::fsync(descriptor) == 0);
    REQUIRE(::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0);
  }
  ~ReleasedFile() { ::close(descriptor); }

 private:
  test::TemporaryDirectory directory_;

 public:
  const int descriptor =
      ::open((directory_.path() + "/file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
};

// A read that does not wait starts one all the same, and is answered when the disk was faster than
// the way to the next line. So the pages are given back and the read is tried again.
template <typename Attempt>
bool EverTrue(const ReleasedFile& file, Attempt attempt) {
  for (int round = 0; round < 200; ++round) {
    REQUIRE(::posix_fadvise(file.descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0);
    if (attempt()) return true;
  }
  return false;
}

TEST_CASE("page cache: what was loaded is resident and readable, what was not is not") {
  ReleasedFile file;
  if (IsInPageCache(file.descriptor, 0, kBytes)) {
    WARN("this file system keeps every page in memory");
    return;
  }
  CHECK(EverTrue(file, [&] { return !IsReadable(file.descriptor, 0, 1); }));
  CHECK(::posix_fadvise(file.descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0);
  CHECK(LoadIntoPageCache(file.descriptor, 1 << 20, 1 << 20) == 0);
  CHECK(IsInPageCache(file.descriptor, 1 << 20, 1 << 20));
  CHECK(IsInPageCache(file.descriptor, (1 << 20) + 5, 7));
  CHECK(IsReadable(file.descriptor, 1 << 20, 1 << 20));
  CHECK_FALSE(IsInPageCache(file.descriptor, 0, kBytes));
}

TEST_CASE("page cache: a range whose ends are there, and nothing between, is not readable") {
  ReleasedFile file;
  if (IsInPageCache(file.descriptor, 0, kBytes)) return;
  CHECK(EverTrue(file, [&] {
    CHECK(LoadIntoPageCache(file.descriptor, 0, 1) == 0);
    CHECK(LoadIntoPageCache(file.descriptor, kBytes - 1, 1) == 0);
    CHECK(IsReadable(file.descriptor, 0, 1));
    CHECK(IsReadable(file.descriptor, kBytes - 1, 1));
    return !IsReadable(file.descriptor, 0, kBytes);
  }));
}

TEST_CASE("page cache: nothing is resident everywhere, and a load ends where the file does") {
  ReleasedFile file;
  CHECK(IsInPageCache(file.descriptor, 0, 0));
  CHECK(IsInPageCache(file.descriptor, kBytes, -1));
  CHECK(LoadIntoPageCache(file.descriptor, 0, 2 * kBytes) == 0);
  CHECK(IsInPageCache(file.descriptor, 0, kBytes));
  CHECK(LoadIntoPageCache(file.descriptor, 5 * kBytes, kBytes) == 0);
}

TEST_CASE("page cache: a descriptor that cannot be read is an error of the load") {
  test::TemporaryDirectory directory;
  const int descriptor = ::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(descriptor >= 0);
  CHECK(LoadIntoPageCache(descriptor, 0, 4096) != 0);
  ::close(descriptor);
}

}  // namespace
}  // namespace millrace::storage

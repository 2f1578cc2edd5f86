#include "storage/directory_lock.h"

#include <fcntl.h>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/support/fault_file_system.h"
#include "tests/support/temporary_directory.h"

namespace millrace::storage {
namespace {

using test::TemporaryDirectory;

// A process of its own that takes the lock as Kafka's broker does (fcntl F_SETLK) and holds it
// until destroyed.
class OtherProcess {
 public:
  explicit OtherProcess(const std::string& lock_file) {
    int ready[2];
    int stop[2];
    REQUIRE(::pipe(ready) == 0);
    REQUIRE(::pipe(stop) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      ::close(stop[1]);
      const int file = ::open(lock_file.c_str(), O_RDWR | O_CREAT, 0640);
      struct flock lock{};
      lock.l_type = F_WRLCK;
      lock.l_whence = SEEK_SET;
      char answer = ::fcntl(file, F_SETLK, &lock) == 0 ? 'y' : 'n';
      if (::write(ready[1], &answer, 1) == 1) (void)::read(stop[0], &answer, 1);
      ::_exit(0);
    }
    ::close(stop[0]);
    ::close(ready[1]);
    char answer = 0;
    REQUIRE(::read(ready[0], &answer, 1) == 1);
    ::close(ready[0]);
    locked_ = answer == 'y';
    stop_ = stop[1];
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;
  ~OtherProcess() {
    ::close(stop_);
    ::waitpid(child_, nullptr, 0);
  }

  bool locked() const { return locked_; }
  pid_t pid() const { return child_; }

 private:
  pid_t child_ = -1;
  int stop_ = -1;
  bool locked_ = false;
};

TEST_CASE("directory lock: a second broker in this process is refused") {
  const TemporaryDirectory directory;
  const auto first = DirectoryLock::Take(PosixFileSystem(), directory.path());
  REQUIRE(first.ok());
  const absl::Status second = DirectoryLock::Take(PosixFileSystem(), directory.path()).status();
  CHECK(absl::IsFailedPrecondition(second));
  CHECK(std::string(second.message()) ==
        directory.path() + " is in use: another broker holds " + directory.path() +
            "/.lock. Stop it, or give this broker a directory of its own.");
}

TEST_CASE("directory lock: a broker of Kafka and we keep each other out") {
  const TemporaryDirectory directory;
  const std::string file = directory.path() + "/.lock";
  {
    const OtherProcess kafka(file);
    REQUIRE(kafka.locked());
    const absl::Status refused = DirectoryLock::Take(PosixFileSystem(), directory.path()).status();
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(std::string(refused.message()).find("process " + std::to_string(kafka.pid())) !=
          std::string::npos);
  }
  const auto ours = DirectoryLock::Take(PosixFileSystem(), directory.path());
  REQUIRE(ours.ok());
  const OtherProcess kafka(file);
  CHECK_FALSE(kafka.locked());
}

TEST_CASE("directory lock: reading the file elsewhere in the process does not lose the lock") {
  const TemporaryDirectory directory;
  const auto lock = DirectoryLock::Take(PosixFileSystem(), directory.path());
  REQUIRE(lock.ok());
  REQUIRE(ReadWholeFile(PosixFileSystem(), directory.path() + "/.lock").ok());
  CHECK_FALSE(OtherProcess(directory.path() + "/.lock").locked());
}

TEST_CASE("directory lock: it ends with the object") {
  const TemporaryDirectory directory;
  std::optional<DirectoryLock> kept;
  {
    auto lock = DirectoryLock::Take(PosixFileSystem(), directory.path());
    REQUIRE(lock.ok());
    kept = *std::move(lock);
  }
  CHECK_FALSE(DirectoryLock::Take(PosixFileSystem(), directory.path()).ok());
  kept.reset();
  CHECK(DirectoryLock::Take(PosixFileSystem(), directory.path()).ok());
}

TEST_CASE("directory lock: a directory that is missing is an error of its own") {
  CHECK(absl::IsNotFound(DirectoryLock::Take(PosixFileSystem(), "/nonexistent/dir").status()));
  test::FaultFileSystem fs;
  REQUIRE(fs.CreateDirectories("/d").ok());
  CHECK(DirectoryLock::Take(fs, "/d").ok());
}

}  // namespace
}  // namespace millrace::storage

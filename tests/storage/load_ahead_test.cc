#include "storage/load_ahead.h"

#include <algorithm>
#include <memory>

#include <catch2/catch.hpp>

#include "tests/storage/log_fixture.h"

namespace millrace::storage {
namespace {

constexpr int64_t kPiece = LoadAhead::kPieceBytes;
constexpr int64_t kAhead = LoadAhead::kAheadBytes;

// Notes what is asked for: how far, and that nothing is left out or asked for twice.
struct Asked {
  int64_t until = 0;
  int64_t pieces = 0;

  LoadHook Hook() {
    return [this](const std::shared_ptr<const File>&, int64_t position, int64_t length) {
      CHECK(position >= until);
      CHECK(length > 0);
      until = position + length;
      ++pieces;
    };
  }
};

TEST_CASE("load ahead: the reader is followed at a distance, to the end of the file") {
  Asked asked;
  const LoadHook hook = asked.Hook();
  const int64_t end = 2 * kAhead + 17;
  LoadAhead ahead(hook, nullptr, end);
  for (int64_t position = 0; position <= end; position += 100'000) {
    ahead.Reached(position);
    CHECK(asked.until <= position + kAhead);
    CHECK(asked.until >= std::min(end, position + kAhead - kPiece));
  }
  CHECK(asked.until == end);
  CHECK(asked.pieces == end / kPiece + 1);
}

TEST_CASE("load ahead: what the reader has passed is not asked for") {
  Asked asked;
  asked.until = 3 * kAhead;
  const LoadHook hook = asked.Hook();
  LoadAhead ahead(hook, nullptr, 5 * kAhead);
  ahead.Reached(3 * kAhead);
  CHECK(asked.until == 4 * kAhead);
}

TEST_CASE("load ahead: without a hook nothing happens") {
  const LoadHook none;
  LoadAhead ahead(none, nullptr, kAhead);
  for (int64_t position = 0; position < kAhead; position += kPiece) ahead.Reached(position);
}

TEST_CASE("load ahead: opening a log asks for what is checked, and for nothing that is trusted") {
  test::FaultFileSystem fs = test::MakeLogDisk();
  const auto open = [&](OpenOptions how) {
    return *Log::Open(fs, test::kLogDirectory, LogOptions{}, how, test::kNow);
  };
  int64_t bytes = 0;
  {
    const auto log = open({});
    for (int i = 0; i < 20; ++i) test::AppendOk(*log, {{"a record"}});
    bytes = log->size_bytes();
    REQUIRE(log->Close().ok());
  }
  Asked asked;
  open({.clean = true, .load_ahead = asked.Hook()});
  CHECK(asked.pieces == 0);
  open({.load_ahead = asked.Hook()});
  CHECK(asked.until == bytes);
}

}  // namespace
}  // namespace millrace::storage

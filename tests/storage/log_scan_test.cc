#include "storage/log_scan.h"

#include <string>
#include <variant>
#include <vector>

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "proto/record/message_set.h"
#include "tests/storage/log_fixture.h"

namespace millrace::storage {
namespace {

constexpr char kPath[] = "/data/orders-0/00000000000000000000.log";
using Bytes = std::vector<std::byte>;

Bytes Batch(int64_t offset, const std::string& value) {
  return test::MakeBatch({{.value = value}}, {.base_offset = Offset(offset)});
}

Bytes Join(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

struct Scanned {
  std::vector<int64_t> intact;  // base offsets
  std::vector<LogScan::Damage> damage;
};

Scanned Scan(const Bytes& bytes, Offset base = Offset(0)) {
  test::FaultFileSystem fs = test::MakeLogDisk();
  auto file = fs.Open(kPath, OpenMode::kCreate);
  REQUIRE(file.ok());
  REQUIRE((*file)->WriteAt(0, bytes).ok());
  LogScan scan(**file, base, static_cast<int64_t>(bytes.size()));
  Scanned scanned;
  while (true) {
    const auto step = scan.Next();
    REQUIRE(step.ok());
    if (const auto* intact = std::get_if<LogScan::Intact>(&*step)) {
      scanned.intact.push_back(record::BatchView(intact->batch).base_offset().value());
    } else if (const auto* damage = std::get_if<LogScan::Damage>(&*step)) {
      scanned.damage.push_back(*damage);
    } else {
      return scanned;
    }
  }
}

void Hurt(Bytes& batch) { batch.back() ^= std::byte{1}; }

}  // namespace

TEST_CASE("log scan: bytes that only look like a batch are not taken for the next one") {
  // A record that holds a batch, as a log that is kept in a log does.
  const Bytes inner = Batch(5, "inner");
  Bytes outer = Batch(0, {reinterpret_cast<const char*>(inner.data()), inner.size()});
  Hurt(outer);
  SECTION("where the damaged one ends as it says") {
    const Scanned scanned = Scan(Join({outer, Batch(1, "next")}));
    CHECK(scanned.intact == std::vector<int64_t>{1});
    REQUIRE(scanned.damage.size() == 1);
    CHECK(scanned.damage[0].kind == FindingKind::kCrc);
    CHECK(scanned.damage[0].size == static_cast<int64_t>(outer.size()));
  }
  SECTION("of another segment") {
    outer[record::kBatchLengthAt] = std::byte{0x7f};
    Bytes next = Batch(1'000'001, "next");
    const Scanned scanned = Scan(Join({outer, next}), Offset(1'000'000));
    CHECK(scanned.intact == std::vector<int64_t>{1'000'001});
  }
}

TEST_CASE("log scan: a length that is wrong is told from bytes that are") {
  for (const bool is_last : {false, true}) {
    for (const size_t byte : {0, 3}) {
      Bytes first = Batch(0, std::string(300, 'x'));
      first[record::kBatchLengthAt + byte] ^= std::byte{2};
      const Scanned scanned = Scan(is_last ? first : Join({first, Batch(1, "next")}));
      CHECK(scanned.intact.size() == (is_last ? 0 : 1));
      REQUIRE(scanned.damage.size() == 1);
      CHECK(scanned.damage[0].kind == FindingKind::kLength);
      CHECK(scanned.damage[0].intact_follows == !is_last);
    }
  }
}

TEST_CASE("log scan: what stands in place of a batch is named") {
  const Bytes whole = Batch(0, "whole");
  const auto kind_of = [&](const Bytes& rest) {
    const Scanned scanned = Scan(Join({whole, rest}));
    CHECK(scanned.intact == std::vector<int64_t>{0});
    REQUIRE(scanned.damage.size() == 1);
    CHECK(scanned.damage[0].position == static_cast<int64_t>(whole.size()));
    return scanned.damage[0].kind;
  };
  CHECK(kind_of(Bytes(5000)) == FindingKind::kTruncated);
  CHECK(kind_of(Bytes(30, std::byte{1})) == FindingKind::kTruncated);
  CHECK(kind_of(Bytes(600'000, std::byte{1})) == FindingKind::kMagic);
  Bytes half = Batch(1, std::string(300, 'x'));
  half.resize(200);
  CHECK(kind_of(half) == FindingKind::kLength);
  Bytes legacy;
  record::AppendMessage({.offset = Offset(1), .magic = 1, .timestamp = test::kNow}, legacy);
  CHECK(kind_of(legacy) == FindingKind::kLegacyFormat);
}

TEST_CASE("log scan: the next batch is found behind much rubbish") {
  for (const size_t rubbish : {1, 61, 262'143, 262'200, 1'000'000}) {
    const Scanned scanned =
        Scan(Join({Batch(0, "a"), Bytes(rubbish, std::byte{2}), Batch(1, "b"), Batch(2, "c")}));
    CHECK(scanned.intact == std::vector<int64_t>{0, 1, 2});
    REQUIRE(scanned.damage.size() == 1);
    CHECK(scanned.damage[0].size == static_cast<int64_t>(rubbish));
  }
}

TEST_CASE("log scan: batches larger than what is read ahead come whole") {
  const Scanned scanned = Scan(Join({Batch(0, std::string(700'000, 'x')), Batch(1, "small"),
                                     Batch(2, std::string(300'000, 'y'))}));
  CHECK(scanned.intact == std::vector<int64_t>{0, 1, 2});
  CHECK(scanned.damage.empty());
}

}  // namespace millrace::storage

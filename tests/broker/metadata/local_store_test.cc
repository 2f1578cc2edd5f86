#include "broker/metadata/local_store.h"

#include <future>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "broker/runtime/run_and_wait.h"
#include "tests/support/fault_file_system.h"

namespace millrace::metadata {
namespace {

constexpr const char* kDirectory = "/data/__metadata-0";

// A store on a shard of its own, which runs as long as the store is open.
class RunningStore {
 public:
  explicit RunningStore(test::FaultFileSystem& fs)
      : shards_(std::make_unique<ShardSet>(1)), pool_(std::make_unique<DiskPool>(1)) {
    REQUIRE(fs.CreateDirectories("/data").ok());
    fs.SyncAll();
    auto opened =
        LocalStore::Open({(*shards_)[0], *pool_, fs}, kDirectory, TimestampMs(1'700'000'000'000));
    status_ = opened.status();
    if (opened.ok()) store_ = *std::move(opened);
    shards_->Start();
  }
  ~RunningStore() {
    pool_.reset();
    shards_->Stop();
    if (store_ != nullptr && closes_) CHECK(store_->Close().ok());
  }

  absl::StatusOr<CommitOutcome> Commit(Transaction transaction) {
    return RunAndWait((*shards_)[0], store_->Commit(std::move(transaction)));
  }
  absl::StatusOr<CommitOutcome> Put(const std::string& key, std::string value) {
    return Commit({.conditions = {}, .mutations = {{key, std::move(value)}}});
  }
  Listing List(const std::string& prefix = "") {
    return *RunAndWait((*shards_)[0], store_->List(prefix));
  }
  std::vector<CommitOutcome> CommitTogether(std::vector<Transaction> transactions) {
    std::vector<std::future<absl::StatusOr<CommitOutcome>>> futures;
    for (Transaction& transaction : transactions) {
      futures.push_back(asio::co_spawn((*shards_)[0].context(),
                                       store_->Commit(std::move(transaction)), asio::use_future));
    }
    std::vector<CommitOutcome> outcomes;
    for (auto& future : futures) outcomes.push_back(*future.get());
    return outcomes;
  }
  LocalStore& store() { return *store_; }
  const absl::Status& status() const { return status_; }
  // As after a crash: the files are left as they are.
  absl::Status Close() { return store_->Close(); }
  void LeaveOpen() { closes_ = false; }

 private:
  std::unique_ptr<ShardSet> shards_;
  std::unique_ptr<DiskPool> pool_;
  std::unique_ptr<LocalStore> store_;
  absl::Status status_;
  bool closes_ = true;
};

TEST_CASE("local store: a transaction whose condition does not hold changes nothing") {
  test::FaultFileSystem fs;
  RunningStore store(fs);
  REQUIRE(store.Put("a", "1")->committed);
  auto outcome = store.Commit({{{"a", std::nullopt}}, {{"a", "2"}, {"b", "2"}}});
  REQUIRE(outcome.ok());
  CHECK_FALSE(outcome->committed);
  Listing listing = store.List();
  REQUIRE(listing.entries.size() == 1);
  CHECK(listing.entries[0].value == "1");
  CHECK(listing.revision == Revision(1));
}

TEST_CASE("local store: of two that want the same key one wins") {
  test::FaultFileSystem fs;
  RunningStore store(fs);
  Transaction first{{{"a", std::nullopt}}, {{"a", "first"}}};
  Transaction second{{{"a", std::nullopt}}, {{"a", "second"}}};
  auto outcomes = store.CommitTogether({first, second});
  CHECK(outcomes[0].committed != outcomes[1].committed);
  CHECK(store.List().revision == Revision(1));
}

TEST_CASE("local store: watchers see every change once, in order") {
  test::FaultFileSystem fs;
  RunningStore store(fs);
  std::vector<uint64_t> seen;
  store.store().Watch(Revision(0),
                      [&](const Change& change) { seen.push_back(change.revision.value()); });
  for (int i = 0; i < 3; ++i) REQUIRE(store.Put("k", fmt::format("{}", i))->committed);
  CHECK_FALSE(store.Commit({{{"k", std::nullopt}}, {{"k", "no"}}})->committed);
  CHECK(seen == std::vector<uint64_t>{1, 2, 3});
}

TEST_CASE("local store: a power loss right after the first commit does not lose the store") {
  test::FaultFileSystem fs;
  {
    RunningStore store(fs);
    REQUIRE(store.Put("a", "1")->committed);
    store.LeaveOpen();
    fs.Crash();
  }
  RunningStore again(fs);
  REQUIRE(again.status().ok());
  CHECK(again.List().entries.size() == 1);
}

TEST_CASE("local store: what was committed survives a power loss") {
  test::FaultFileSystem fs;
  {
    RunningStore store(fs);
    fs.SyncAll();
    REQUIRE(store.Put("a", "1")->committed);
    REQUIRE(store.Put("b", "2")->committed);
    REQUIRE(store.Commit({{{"a", Revision(1)}}, {{"a", std::nullopt}}})->committed);
    store.LeaveOpen();
    fs.Crash();
  }
  RunningStore again(fs);
  REQUIRE(again.status().ok());
  Listing listing = again.List();
  CHECK(listing.revision == Revision(3));
  REQUIRE(listing.entries.size() == 1);
  CHECK(listing.entries[0].key == "b");
  CHECK(listing.entries[0].modified == Revision(2));
  CHECK(again.Put("c", "3")->revision == Revision(4));
}

TEST_CASE("local store: after many commits a snapshot stands for the old part of the log") {
  test::FaultFileSystem fs;
  std::string large(900 << 10, 'x');
  {
    RunningStore store(fs);
    fs.SyncAll();
    REQUIRE(store.Put("first", "1")->committed);
    for (int i = 0; i < 12; ++i)
      REQUIRE(store.Put("large", large + fmt::format("{}", i))->committed);
    CHECK(fs.Exists(std::string(kDirectory) + "/metadata.snapshot"));
    CHECK_FALSE(fs.Exists(std::string(kDirectory) + "/00000000000000000000.log"));
    store.LeaveOpen();
    fs.Crash();
  }
  RunningStore again(fs);
  REQUIRE(again.status().ok());
  Listing listing = again.List();
  CHECK(listing.revision == Revision(13));
  REQUIRE(listing.entries.size() == 2);
  CHECK(listing.entries[0].modified == Revision(1));
  CHECK(listing.entries[1].value == large + "11");
  CHECK(again.Put("more", "1")->revision == Revision(14));
}

TEST_CASE("local store: a damaged snapshot is refused, not guessed") {
  test::FaultFileSystem fs;
  std::string large(900 << 10, 'x');
  {
    RunningStore store(fs);
    for (int i = 0; i < 8; ++i) REQUIRE(store.Put("large", large)->committed);
  }
  fs.FlipBit(std::string(kDirectory) + "/metadata.snapshot", 1000, 3);
  RunningStore again(fs);
  CHECK(again.status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("local store: a failed sync breaks it, and what was committed before is kept") {
  test::FaultFileSystem fs;
  {
    RunningStore store(fs);
    fs.SyncAll();
    REQUIRE(store.Put("a", "1")->committed);
    fs.Inject({.operation = test::Operation::kSync, .status = absl::InternalError("EIO")});
    CHECK_FALSE(store.Put("b", "2").ok());
    CHECK_FALSE(store.Put("c", "3").ok());  // the disk works again: not believed
    CHECK(store.List().entries.size() == 1);
    CHECK(absl::IsInternal(store.Close()));
    store.LeaveOpen();
    fs.Crash();
  }
  RunningStore again(fs);
  REQUIRE(again.status().ok());
  CHECK(again.List().entries.size() == 1);
  CHECK(again.Put("b", "2")->revision == Revision(2));
}

TEST_CASE("local store: a full disk refuses a change and takes the next one") {
  test::FaultFileSystem fs;
  {
    RunningStore store(fs);
    REQUIRE(store.Put("a", "1")->committed);
    fs.Inject({.operation = test::Operation::kWrite,
               .status = absl::ResourceExhaustedError("full"),
               .path_contains = ".log",
               .written_prefix = 20});
    CHECK(absl::IsResourceExhausted(store.Put("b", "1").status()));
    CHECK(store.List().entries.size() == 1);
    REQUIRE(store.Put("c", "1")->committed);
    CHECK(store.List().revision == Revision(2));
    store.LeaveOpen();
  }
  fs.Crash();
  RunningStore store(fs);
  CHECK(store.List().entries.size() == 2);
}

TEST_CASE("local store: a change that a full disk left in the log is applied with the next one") {
  test::FaultFileSystem fs;
  {
    RunningStore store(fs);
    fs.Inject({.operation = test::Operation::kWrite,
               .status = absl::ResourceExhaustedError("full"),
               .path_contains = "leader-epoch-checkpoint"});
    CHECK(absl::IsResourceExhausted(store.Put("a", "1").status()));
    CHECK(store.List().entries.empty());
    REQUIRE(store.Put("b", "1")->committed);
    CHECK(store.List().revision == Revision(2));
    store.LeaveOpen();
  }
  fs.Crash();
  RunningStore store(fs);
  CHECK(store.List().entries.size() == 2);
}

TEST_CASE("local store: a snapshot that has no room is tried again") {
  test::FaultFileSystem fs;
  RunningStore store(fs);
  fs.Inject({.operation = test::Operation::kWrite,
             .status = absl::ResourceExhaustedError("full"),
             .path_contains = "metadata.snapshot"});
  const std::string large(5 << 20, 'x');
  REQUIRE(store.Put("a", large)->committed);
  CHECK_FALSE(fs.Exists(std::string(kDirectory) + "/metadata.snapshot"));
  REQUIRE(store.Put("b", "1")->committed);
  CHECK(fs.Exists(std::string(kDirectory) + "/metadata.snapshot"));
}

}  // namespace
}  // namespace millrace::metadata

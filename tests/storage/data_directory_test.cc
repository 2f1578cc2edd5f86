#include "storage/data_directory.h"

#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "proto/topic_id_text.h"
#include "storage/partition_directory.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temporary_directory.h"

namespace millrace::storage {
namespace {

using test::FaultFileSystem;

DataDirectoryOptions Options(int32_t broker = 1,
                             std::optional<std::string> cluster = std::nullopt) {
  DataDirectoryOptions options{};
  options.cluster_id = std::move(cluster);
  options.broker_id = BrokerId(broker);
  options.cluster_id_seed.fill(std::byte{0x11});
  options.directory_id_seed.fill(std::byte{0x22});
  return options;
}

std::unique_ptr<DataDirectory> Open(FileSystem& fs, const DataDirectoryOptions& options) {
  auto directory = DataDirectory::Open(fs, "/srv/data", options);
  INFO(directory.status().ToString());
  REQUIRE(directory.ok());
  return *std::move(directory);
}

absl::Status Refusal(FileSystem& fs, const DataDirectoryOptions& options) {
  return DataDirectory::Open(fs, "/srv/data", options).status();
}

bool Says(const absl::Status& status, std::string_view text) {
  return status.message().find(std::string(text)) != absl::string_view::npos;
}

void Put(FileSystem& fs, const std::string& name, std::string_view content) {
  REQUIRE(ReplaceFile(fs, "/srv/data/" + name, content).ok());
}

TEST_CASE("data directory: one of another broker or cluster is refused") {
  FaultFileSystem fs;
  Open(fs, Options(1, "mine"));
  const absl::Status broker = Refusal(fs, Options(2, "mine"));
  CHECK(absl::IsFailedPrecondition(broker));
  CHECK(Says(broker, "/srv/data/meta.properties belongs to broker 1, but this is broker 2. Set "));
  const absl::Status cluster = Refusal(fs, Options(1, "other"));
  CHECK(absl::IsFailedPrecondition(cluster));
  CHECK(Says(cluster, "belongs to cluster mine, but this broker is in cluster other. Use "));
}

TEST_CASE("data directory: damaged files are refused and say what to do") {
  FaultFileSystem fs;
  Open(fs, Options());
  SECTION("meta.properties") {
    Put(fs, "meta.properties", "version=1\n");
    const absl::Status status = Refusal(fs, Options());
    CHECK(absl::IsDataLoss(status));
    CHECK(Says(status, "/srv/data/meta.properties cannot be used: it has no cluster.id. Restore"));
  }
  SECTION("a checkpoint") {
    Put(fs, "recovery-point-offset-checkpoint", "0\n1\norders 0\n");
    const absl::Status status = Refusal(fs, Options());
    CHECK(absl::IsDataLoss(status));
    CHECK(Says(status, "/srv/data/recovery-point-offset-checkpoint is damaged: checkpoint line 3"));
    CHECK(Says(status, "or delete it"));
  }
}

TEST_CASE("data directory: partitions without meta.properties are not adopted silently") {
  FaultFileSystem fs;
  REQUIRE(fs.CreateDirectories("/srv/data/orders-0").ok());
  const absl::Status status = Refusal(fs, Options());
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(Says(status, "/srv/data holds partitions (orders-0), but no meta.properties"));
}

TEST_CASE("data directory: partitions that our metadata cannot know are not adopted silently") {
  FaultFileSystem fs;
  DataDirectoryOptions options = Options();
  Open(fs, options);
  options.metadata_directory = "__ours-0";
  Open(fs, options);  // nothing is there yet
  REQUIRE(fs.CreateDirectories("/srv/data/orders-0").ok());
  REQUIRE(Open(fs, Options())->CloseInOrder({}, {}).ok());
  const absl::Status status = Refusal(fs, options);
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(Says(status, "/srv/data holds partitions (orders-0), but not this broker's metadata"));
  CHECK(Open(fs, Options())->was_clean());
  REQUIRE(fs.CreateDirectories("/srv/data/__ours-0").ok());
  Open(fs, options);
}

TEST_CASE("data directory: missing permission says which directory and what to do") {
  FaultFileSystem fs;
  fs.Inject({.operation = test::Operation::kCreateDirectories,
             .status = absl::PermissionDeniedError("/srv/data: mkdir failed: Permission denied")});
  const absl::Status status = Refusal(fs, Options());
  CHECK(absl::IsPermissionDenied(status));
  CHECK(Says(status, "/srv/data: mkdir failed: Permission denied. The user that runs the broker"));
  CHECK(Says(status, "chown -R USER /srv/data"));
}

TEST_CASE("data directory: a second broker on it is refused while the first lives") {
  const test::TemporaryDirectory temporary;
  const std::string path = temporary.path() + "/deep/data/";
  {
    const auto first = DataDirectory::Open(PosixFileSystem(), path, Options());
    REQUIRE(first.ok());
    CHECK((*first)->path() == temporary.path() + "/deep/data");
    const absl::Status second = DataDirectory::Open(PosixFileSystem(), path, Options()).status();
    CHECK(absl::IsFailedPrecondition(second));
    CHECK(Says(second, "deep/data is in use"));
  }
  CHECK(DataDirectory::Open(PosixFileSystem(), path, Options()).ok());
}

TEST_CASE("data directory: a new one gets ids, which then stay") {
  FaultFileSystem fs;
  std::string cluster;
  std::string id;
  {
    const auto directory = Open(fs, Options());
    cluster = directory->cluster_id();
    id = directory->directory_id();
    CHECK(ParseTopicId(cluster).has_value());
    CHECK(ParseTopicId(id).has_value());
    CHECK(cluster != id);
    CHECK_FALSE(directory->was_clean());
    CHECK(directory->partitions().empty());
  }
  fs.Crash();  // everything that Open made is durable
  DataDirectoryOptions other = Options();
  other.cluster_id_seed.fill(std::byte{0x33});
  other.directory_id_seed.fill(std::byte{0x44});
  const auto again = Open(fs, other);
  CHECK(again->cluster_id() == cluster);
  CHECK(again->directory_id() == id);
}

TEST_CASE("data directory: an older meta.properties of Kafka gains a directory id") {
  FaultFileSystem fs;
  REQUIRE(fs.CreateDirectories("/srv/data").ok());
  Put(fs, "meta.properties", "#\nversion=1\ncluster.id=c\nnode.id=1\n");
  const std::string id = Open(fs, Options())->directory_id();
  CHECK(Open(fs, Options())->directory_id() == id);
  CHECK(ReadWholeFile(fs, "/srv/data/meta.properties")->find("directory.id=" + id) !=
        std::string::npos);
}

TEST_CASE("data directory: partitions are found with their ids and checkpoints") {
  FaultFileSystem fs;
  const TopicId topic_id = *ParseTopicId("HsG77h26ST2JZkH_B7n7Tw");
  {
    const auto directory = Open(fs, Options());
    CHECK(directory->PathOf("orders", PartitionIndex(3)) == "/srv/data/orders-3");
    for (const char* name : {"orders-0", "orders-1", "empty-0", "broken-0", "notes",
                             "orders-2.59c8b05a9e6941498d3561b4cfd88f7d-delete"}) {
      REQUIRE(fs.CreateDirectories(std::string("/srv/data/") + name).ok());
    }
    for (const char* name : {"orders-0", "orders-1"}) {
      REQUIRE(WritePartitionMetadata(fs, std::string("/srv/data/") + name, topic_id).ok());
    }
    Put(fs, "broken-0/partition.metadata", "?");
    REQUIRE(directory
                ->WriteCheckpoints({{"orders", PartitionIndex(1), Offset(500), Offset(20)},
                                    {"gone", PartitionIndex(0), Offset(1), Offset(1)}})
                .ok());
  }
  const auto directory = Open(fs, Options());
  CHECK(directory->leftovers() ==
        std::vector<std::string>{"/srv/data/orders-2.59c8b05a9e6941498d3561b4cfd88f7d-delete"});
  const std::vector<FoundPartition>& found = directory->partitions();
  REQUIRE(found.size() == 4);
  CHECK(found[0].topic == "broken");
  CHECK_FALSE(found[0].topic_id);
  CHECK(found[0].fault.find("/srv/data/broken-0/partition.metadata is damaged") == 0);
  CHECK(found[1].topic == "empty");
  CHECK_FALSE(found[1].topic_id);
  CHECK(found[1].fault.empty());
  CHECK(directory->PathOf(found[2].topic, found[2].partition) == "/srv/data/orders-0");
  CHECK(found[2].recovery_point == Offset(0));
  CHECK(found[3].topic == "orders");
  CHECK(found[3].partition == PartitionIndex(1));
  CHECK(found[3].topic_id == topic_id);
  CHECK(found[3].recovery_point == Offset(500));
  CHECK(found[3].log_start_offset == Offset(20));
}

TEST_CASE("data directory: what was compacted is remembered, and a damaged note of it forgotten") {
  FaultFileSystem fs;
  const std::string path = "/srv/data/cleaner-offset-checkpoint";
  {
    const auto directory = Open(fs, Options());
    REQUIRE(fs.CreateDirectories("/srv/data/orders-0").ok());
    const PartitionCheckpoint plain{"orders", PartitionIndex(0), Offset(9), Offset(2)};
    REQUIRE(directory->WriteCheckpoints({plain}).ok());
    CHECK_FALSE(fs.Exists(path));
    PartitionCheckpoint cleaned = plain;
    cleaned.cleaned_until = Offset(7);
    REQUIRE(directory->WriteCheckpoints({cleaned}).ok());
    CHECK(*ReadWholeFile(fs, path) == "0\n1\norders 0 7\n");
  }
  CHECK(Open(fs, Options())->partitions()[0].cleaned_until == Offset(7));
  REQUIRE(ReplaceFile(fs, path, "0\n1\norders 0").ok());
  const auto directory = Open(fs, Options());
  CHECK(directory->partitions()[0].cleaned_until == Offset(0));
  CHECK(directory->partitions()[0].recovery_point == Offset(9));
  // What is not compacted any more leaves no entry behind.
  REQUIRE(directory->WriteCheckpoints({}).ok());
  CHECK(*ReadWholeFile(fs, path) == "0\n0\n");
}

TEST_CASE("data directory: it is clean after an orderly close, once, also across power loss") {
  FaultFileSystem fs;
  REQUIRE(Open(fs, Options())
              ->CloseInOrder({{"orders", PartitionIndex(0), Offset(9), Offset(2)}}, {})
              .ok());
  fs.Crash();
  {
    const auto directory = Open(fs, Options());
    CHECK(directory->was_clean());
  }
  fs.Crash();  // the marker does not come back
  CHECK_FALSE(Open(fs, Options())->was_clean());
}

TEST_CASE("data directory: a refused start leaves it as clean as it was") {
  FaultFileSystem fs;
  REQUIRE(Open(fs, Options())->CloseInOrder({}, {}).ok());
  CHECK_FALSE(Refusal(fs, Options(2)).ok());
  CHECK(Open(fs, Options())->was_clean());
}

ManifestEntry OrdersEntry() {
  TopicId id;
  id.bytes[0] = std::byte{5};
  ManifestEntry entry{"orders", PartitionIndex(0), id, {}};
  entry.log.segments.push_back({.base = Offset(0), .bytes = 700, .next_offset = Offset(9)});
  return entry;
}

TEST_CASE("data directory: a log comes back as it was closed, once") {
  FaultFileSystem fs;
  {
    auto directory = Open(fs, Options());
    REQUIRE(fs.CreateDirectories("/srv/data/orders-0").ok());
    REQUIRE(directory->CloseInOrder({}, {OrdersEntry()}).ok());
  }
  {
    const auto directory = Open(fs, Options());
    REQUIRE(directory->partitions().size() == 1);
    const FoundPartition& found = directory->partitions()[0];
    CHECK(found.topic_id == OrdersEntry().topic_id);
    REQUIRE(found.closed != nullptr);
    CHECK(found.closed->segments.front().next_offset == Offset(9));
  }
  fs.Crash();
  CHECK(Open(fs, Options())->partitions()[0].closed == nullptr);
}

TEST_CASE("data directory: a manifest that its marker does not name counts for nothing") {
  FaultFileSystem fs;
  {
    auto directory = Open(fs, Options());
    REQUIRE(fs.CreateDirectories("/srv/data/orders-0").ok());
    REQUIRE(directory->CloseInOrder({}, {OrdersEntry()}).ok());
  }
  SECTION("another program has closed the directory in order since") {
    Put(fs, ".kafka_cleanshutdown", R"({"version":0,"brokerEpoch":-1})");
  }
  SECTION("it is damaged") { fs.FlipBit("/srv/data/millrace.manifest", 3, 1); }
  SECTION("it is gone") { REQUIRE(fs.RemoveFile("/srv/data/millrace.manifest").ok()); }
  const auto directory = Open(fs, Options());
  CHECK(directory->was_clean());
  REQUIRE(directory->partitions().size() == 1);
  CHECK(directory->partitions()[0].closed == nullptr);
}

TEST_CASE("data directory: a crash anywhere leaves checkpoints that are whole") {
  for (int64_t stop = 0; stop < 20; ++stop) {
    for (uint64_t seed = 0; seed < 10; ++seed) {
      FaultFileSystem fs;
      auto directory = Open(fs, Options());
      REQUIRE(fs.CreateDirectories("/srv/data/orders-0").ok());
      fs.SyncAll();
      REQUIRE(
          directory->WriteCheckpoints({{"orders", PartitionIndex(0), Offset(10), Offset(1)}}).ok());
      fs.StopAfter(stop);
      const absl::Status closed =
          directory->CloseInOrder({{"orders", PartitionIndex(0), Offset(20), Offset(2)}}, {});
      fs.Crash(seed);
      directory = Open(fs, Options());
      REQUIRE(directory->partitions().size() == 1);
      const FoundPartition& found = directory->partitions()[0];
      INFO("stop " << stop << " seed " << seed);
      REQUIRE((found.recovery_point == Offset(10) || found.recovery_point == Offset(20)));
      REQUIRE((found.log_start_offset == Offset(1) || found.log_start_offset == Offset(2)));
      // Clean is only what was closed to the end, with everything it says on the disk.
      if (closed.ok()) REQUIRE(directory->was_clean());
      if (directory->was_clean()) REQUIRE(found.recovery_point == Offset(20));
      if (directory->was_clean()) REQUIRE(found.log_start_offset == Offset(2));
    }
  }
}

}  // namespace
}  // namespace millrace::storage

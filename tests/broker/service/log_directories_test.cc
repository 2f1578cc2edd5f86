#include "broker/service/log_directories.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "storage/metadata_names.h"
#include "storage/partition_directory.h"
#include "tests/support/fault_file_system.h"

namespace millrace::service {
namespace {

using Catch::Matchers::Contains;
using test::FaultFileSystem;
using test::Operation;
using Paths = std::vector<std::string>;

constexpr BrokerId kSelf{1};

TopicId Topic(uint8_t first) {
  TopicId id;
  id.bytes[0] = std::byte{first};
  return id;
}

auto TryOpen(FaultFileSystem& fs, Paths paths, BrokerId self = kSelf) {
  return LogDirectories::Open({fs, std::move(paths), self});
}

std::unique_ptr<LogDirectories> Open(FaultFileSystem& fs, Paths paths) {
  auto opened = TryOpen(fs, std::move(paths));
  INFO(opened.status().ToString());
  REQUIRE(opened.ok());
  return *std::move(opened);
}

std::string Refusal(FaultFileSystem& fs, Paths paths, BrokerId self = kSelf) {
  auto opened = TryOpen(fs, std::move(paths), self);
  REQUIRE_FALSE(opened.ok());
  return std::string(opened.status().message());
}

// As a broker leaves them that ran and stopped in order.
void Use(FaultFileSystem& fs, const Paths& paths) {
  auto directories = Open(fs, paths);
  REQUIRE(fs.CreateDirectories(paths[0] + "/" + std::string(storage::kMetadataDirectory)).ok());
  for (const auto& directory : directories->all()) {
    REQUIRE(directory->data->CloseInOrder({}, {}).ok());
  }
}

void MakePartition(FaultFileSystem& fs, const std::string& path, const TopicId& topic) {
  REQUIRE(fs.CreateDirectories(path).ok());
  REQUIRE(storage::WritePartitionMetadata(fs, path, topic).ok());
}

void FailOpening(FaultFileSystem& fs, const std::string& path, absl::Status status) {
  fs.Inject({.operation = Operation::kOpen,
             .status = std::move(status),
             .path_contains = path,
             .times = 1'000'000});
}

core::TopicImage Image(size_t partitions, uint8_t id = 1) {
  core::TopicImage topic;
  topic.name = "t";
  topic.id = Topic(id);
  topic.partitions.resize(partitions);
  for (core::PartitionImage& partition : topic.partitions) partition.replicas = {kSelf};
  return topic;
}

// By the directories' places in the list; -1: none.
std::vector<int> PlacesOf(LogDirectories& directories, const core::TopicImage& topic) {
  std::vector<int> places;
  for (const core::PartitionImage& partition : topic.partitions) {
    LogDirectory* directory = directories.Find(partition);
    places.push_back(directory == nullptr ? -1 : static_cast<int>(directory->index));
  }
  return places;
}

TEST_CASE("log directories: one of another broker or cluster is refused, always") {
  FaultFileSystem fs;
  Use(fs, {"/a", "/b"});
  CHECK_THAT(Refusal(fs, {"/a", "/b"}, BrokerId(2)), Contains("/a/meta.properties"));
  Use(fs, {"/other"});
  REQUIRE(fs.RemoveTree("/other/" + std::string(storage::kMetadataDirectory)).ok());
  CHECK_THAT(Refusal(fs, {"/a", "/other"}), Contains("/other/meta.properties belongs to cluster"));
  CHECK(Open(fs, {"/a", "/b"})->all()[1]->data->was_clean());
}

TEST_CASE("log directories: another order than before is refused, naming both") {
  FaultFileSystem fs;
  Use(fs, {"/a", "/b"});
  std::string refusal = Refusal(fs, {"/b", "/a"});
  CHECK_THAT(refusal, Contains("the metadata is in /a") && Contains("/b is the first"));
  // A new directory before the old ones is the same mistake, and is not begun.
  CHECK_THAT(Refusal(fs, {"/new", "/a", "/b"}), Contains("/new is the first"));
  CHECK_FALSE(fs.Exists("/new"));
}

TEST_CASE("log directories: no empty cluster begins where the metadata is lost") {
  FaultFileSystem fs;
  Use(fs, {"/a", "/b"});
  SECTION("another disk is mounted") {
    REQUIRE(fs.RemoveTree("/a").ok());
    CHECK_THAT(Refusal(fs, {"/a", "/b"}), Contains("/b was in use before"));
  }
  SECTION("only the metadata is gone") {
    REQUIRE(fs.RemoveTree("/a/" + std::string(storage::kMetadataDirectory)).ok());
    MakePartition(fs, "/b/t-0", Topic(1));
    CHECK_THAT(Refusal(fs, {"/a", "/b"}), Contains("/a, the first of log.dirs, holds no metadata"));
  }
  SECTION("it may be where nobody can look") {
    fs.Inject({.operation = Operation::kList,
               .status = absl::InternalError("EIO"),
               .path_contains = "/a",
               .times = 9});
    CHECK_THAT(Refusal(fs, {"/b", "/a"}), Contains("whether /a does cannot be seen: EIO"));
  }
}

TEST_CASE("log directories: two with metadata, and copies, are refused") {
  FaultFileSystem fs;
  Use(fs, {"/a", "/b"});
  SECTION("metadata") {
    REQUIRE(fs.CreateDirectories("/b/" + std::string(storage::kMetadataDirectory)).ok());
    CHECK_THAT(Refusal(fs, {"/a", "/b"}), Contains("/a and /b both hold a broker's metadata"));
  }
  SECTION("copies") {
    auto text = storage::ReadWholeFile(fs, "/b/meta.properties");
    REQUIRE(storage::ReplaceFile(fs, "/a/meta.properties", *text).ok());
    CHECK_THAT(Refusal(fs, {"/a", "/b"}), Contains("/b is a copy of /a"));
  }
}

TEST_CASE("log directories: a partition in two of them is refused and leaves them clean") {
  FaultFileSystem fs;
  Use(fs, {"/a", "/b"});
  MakePartition(fs, "/a/t-0", Topic(1));
  MakePartition(fs, "/b/t-0", Topic(1));
  CHECK_THAT(Refusal(fs, {"/a", "/b"}), Contains("/a/t-0") && Contains("/b/t-0"));
  // One of a topic that is gone, or that was never finished, is no twin.
  REQUIRE(fs.RemoveTree("/b/t-0").ok());
  if (GENERATE(false, true)) {
    MakePartition(fs, "/b/t-0", Topic(2));
  } else {
    REQUIRE(fs.CreateDirectories("/b/t-0").ok());
  }
  auto directories = Open(fs, {"/a", "/b"});
  CHECK(directories->all()[0]->data->was_clean());
  CHECK(directories->all()[1]->data->was_clean());
}

TEST_CASE("log directories: without the first there is no start") {
  FaultFileSystem fs;
  Use(fs, {"/a", "/b"});
  FailOpening(fs, "/a/.lock", absl::InternalError("/a/.lock: Input/output error"));
  CHECK_THAT(Refusal(fs, {"/a", "/b"}),
             Contains("holds the metadata, cannot be opened: /a/.lock: Input/output error"));
}

TEST_CASE("log directories: one that the disk has lost is offline, the others are not") {
  FaultFileSystem fs;
  Use(fs, {"/a", "/b", "/c"});
  auto status = GENERATE(absl::InternalError("EIO"), absl::PermissionDeniedError("EROFS"));
  SECTION("when it is opened") { FailOpening(fs, "/b/.lock", status); }
  SECTION("when it is written to first") {
    fs.Inject({.operation = Operation::kRemoveFile, .status = status, .path_contains = "/b/"});
  }
  auto directories = Open(fs, {"/a", "/b", "/c"});
  CHECK(directories->all()[0]->is_online);
  CHECK_FALSE(directories->all()[1]->is_online);
  CHECK(directories->all()[2]->is_online);
  core::TopicImage topic = Image(4);
  REQUIRE(directories->Place(topic.partitions));
  CHECK(PlacesOf(*directories, topic) == std::vector<int>{0, 2, 0, 2});
}

TEST_CASE("log directories: a new one joins the cluster of the others") {
  FaultFileSystem fs;
  Use(fs, {"/a"});
  auto directories = Open(fs, {"/a", "/b"});
  CHECK(directories->all()[1]->data->cluster_id() == directories->metadata().data->cluster_id());
  CHECK(directories->all()[1]->id != directories->metadata().id);
}

TEST_CASE("log directories: a new partition goes where the fewest are") {
  FaultFileSystem fs;
  auto directories = Open(fs, {"/a", "/b", "/c"});
  core::TopicImage topic = Image(4);
  REQUIRE(directories->Place(topic.partitions));
  CHECK(PlacesOf(*directories, topic) == std::vector<int>{0, 1, 2, 0});
  directories->Release(std::span(topic.partitions).first(1));
  directories->Release(std::span(topic.partitions).last(1));
  core::TopicImage next = Image(2, 2);
  REQUIRE(directories->Place(next.partitions));
  CHECK(PlacesOf(*directories, next) == std::vector<int>{0, 0});
  CHECK(directories->TakeOffline(*directories->all()[0]));
  CHECK_FALSE(directories->TakeOffline(*directories->all()[0]));
  REQUIRE(directories->Place(next.partitions));
  CHECK(PlacesOf(*directories, next) == std::vector<int>{1, 2});
  for (const auto& directory : directories->all()) directories->TakeOffline(*directory);
  CHECK_FALSE(directories->Place(next.partitions));
}

TEST_CASE("log directories: what older versions recorded lies where it is found, or in the first") {
  FaultFileSystem fs;
  Use(fs, {"/a", "/b"});
  MakePartition(fs, "/b/t-1", Topic(1));
  MakePartition(fs, "/b/t-2", Topic(9));  // another topic's
  core::TopicImage topic = Image(3);
  SECTION("all are there") {
    auto directories = Open(fs, {"/a", "/b"});
    CHECK(directories->Settle(topic));
    CHECK(PlacesOf(*directories, topic) == std::vector<int>{0, 1, 0});
    CHECK_FALSE(directories->Settle(topic));
    CHECK(directories->all()[1]->found.at("t-1")->was_moved);
  }
  SECTION("it may be in one that is away") {
    FailOpening(fs, "/b/.lock", absl::InternalError("EIO"));
    auto directories = Open(fs, {"/a", "/b"});
    CHECK_FALSE(directories->Settle(topic));
    CHECK(PlacesOf(*directories, topic) == std::vector<int>{-1, -1, -1});
  }
}

TEST_CASE("log directories: a partition is where it is found, whatever is recorded") {
  FaultFileSystem fs;
  Use(fs, {"/a", "/b"});
  core::TopicImage topic = Image(3);
  {
    auto directories = Open(fs, {"/a", "/b"});
    REQUIRE(directories->Place(topic.partitions));
    CHECK(PlacesOf(*directories, topic) == std::vector<int>{0, 1, 0});
  }
  MakePartition(fs, "/b/t-0", Topic(1));
  MakePartition(fs, "/b/t-1", Topic(1));
  auto directories = Open(fs, {"/a", "/b"});
  CHECK(directories->Settle(topic));
  CHECK(PlacesOf(*directories, topic) == std::vector<int>{1, 1, 0});
  CHECK(directories->all()[1]->found.at("t-0")->was_moved);
  CHECK_FALSE(directories->all()[1]->found.at("t-1")->was_moved);
}

TEST_CASE("log directories: a partition whose directory is away is nowhere else") {
  FaultFileSystem fs;
  Use(fs, {"/a", "/b"});
  core::TopicImage topic = Image(2);
  REQUIRE(Open(fs, {"/a", "/b"})->Place(topic.partitions));
  SECTION("it cannot be opened") { FailOpening(fs, "/b/.lock", absl::InternalError("EIO")); }
  SECTION("another disk is mounted") { REQUIRE(fs.RemoveTree("/b").ok()); }
  auto directories = Open(fs, {"/a", "/b"});
  CHECK_FALSE(directories->Settle(topic));
  CHECK(PlacesOf(*directories, topic) == std::vector<int>{0, -1});
}

}  // namespace
}  // namespace millrace::service

#include "storage/partition_directory.h"

#include <array>

#include <catch2/catch.hpp>

#include "proto/topic_id_text.h"
#include "tests/support/fault_file_system.h"

namespace millrace::storage {
namespace {

constexpr std::array<std::byte, 16> kRandom = {std::byte{0x59}, std::byte{0xc8}, std::byte{0x0b}};

TEST_CASE("partition directory: other names are not taken for partitions") {
  for (const char* name : {"", "-", "orders", "orders-", "-0", "orders-x", "orders-00", "orders-01",
                           "orders-+1", "orders-2147483648", "or ders-0", ".-0", "..-0",
                           "orders-0.59c8b05a9e6941498d3561b4cfd88f7d-delete",
                           "orders-0.59c8b05a9e6941498d3561b4cfd88f7d-future", "meta.properties",
                           "lost+found", ".lock"}) {
    INFO(name);
    CHECK_FALSE(ParsePartitionDirectory(name).has_value());
  }
}

TEST_CASE("partition directory: a name is parsed as it was formed") {
  for (const std::string& topic :
       {std::string("orders"), std::string("a-b"), std::string("a-1"), std::string("x-delete"),
        std::string("orders-"), std::string("a.b"), std::string(249, 'x')}) {
    for (int32_t partition : {0, 7, 2147483647}) {
      const std::string name = FormatPartitionDirectory(topic, PartitionIndex(partition));
      const auto parsed = ParsePartitionDirectory(name);
      REQUIRE(parsed.has_value());
      CHECK(*parsed == PartitionDirectoryName{topic, PartitionIndex(partition)});
      CHECK_FALSE(IsDeletedDirectory(name));
    }
  }
  CHECK(FormatPartitionDirectory("orders", PartitionIndex(12)) == "orders-12");
}

TEST_CASE("partition directory: one that waits to be removed is known by its name") {
  const std::string name = FormatDeletedDirectory("orders", PartitionIndex(12), kRandom);
  CHECK(name == "orders-12.59c80b00000000000000000000000000-delete");
  CHECK(IsDeletedDirectory(name));
  CHECK_FALSE(ParsePartitionDirectory(name).has_value());
  const std::string longest =
      FormatDeletedDirectory(std::string(249, 'x'), PartitionIndex(2147483647), kRandom);
  CHECK(longest.size() == kDirectoryNameBytesMax);
  CHECK(IsDeletedDirectory(longest));
  for (const char* other : {"-delete", "orders-delete", "orders-0-delete", "orders-0.abc-delete",
                            "orders-0.59C8B05A9E6941498D3561B4CFD88F7D-delete",
                            "orders.59c8b05a9e6941498d3561b4cfd88f7d-delete",
                            "59c8b05a9e6941498d3561b4cfd88f7d-delete"}) {
    INFO(other);
    CHECK_FALSE(IsDeletedDirectory(other));
  }
}

TEST_CASE("partition directory: partition.metadata is missing, damaged or whole") {
  test::FaultFileSystem fs;
  REQUIRE(fs.CreateDirectories("/d/orders-0").ok());
  CHECK(absl::IsNotFound(ReadPartitionMetadata(fs, "/d/orders-0").status()));
  const std::string path = "/d/orders-0/partition.metadata";
  for (const char* damaged : {"", "version: 0\n", "version: 1\ntopic_id: HsG77h26ST2JZkH_B7n7Tw",
                              "version: 0\ntopic_id: HsG77h26ST2JZkH_B7n7T",
                              "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA",
                              "version: 0\ntopic_id: HsG77h26ST2JZkH_B7n7Tw\nmore"}) {
    INFO(damaged);
    REQUIRE(ReplaceFile(fs, path, damaged).ok());
    const absl::Status status = ReadPartitionMetadata(fs, "/d/orders-0").status();
    CHECK(absl::IsDataLoss(status));
    CHECK(std::string(status.message()).find(path + " is damaged") == 0);
  }
  const TopicId id = *ParseTopicId("HsG77h26ST2JZkH_B7n7Tw");
  REQUIRE(WritePartitionMetadata(fs, "/d/orders-0", id).ok());
  CHECK(*ReadWholeFile(fs, path) == "version: 0\ntopic_id: HsG77h26ST2JZkH_B7n7Tw");
  CHECK(*ReadPartitionMetadata(fs, "/d/orders-0") == id);
  REQUIRE(ReplaceFile(fs, path, "version: 0\ntopic_id: HsG77h26ST2JZkH_B7n7Tw\n").ok());
  CHECK(*ReadPartitionMetadata(fs, "/d/orders-0") == id);
}

}  // namespace
}  // namespace millrace::storage

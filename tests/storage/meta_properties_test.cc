#include "storage/meta_properties.h"

#include <catch2/catch.hpp>

namespace millrace::storage {
namespace {

std::string FaultOf(std::string_view text) {
  const auto decoded = DecodeMetaProperties(text);
  REQUIRE(absl::IsDataLoss(decoded.status()));
  return std::string(decoded.status().message());
}

TEST_CASE("meta properties: what is missing or wrong is named") {
  CHECK(FaultOf("") == "it has no version");
  CHECK(FaultOf("\0\0\0\0") == "it has no version");
  CHECK(FaultOf("version=0\nbroker.id=1\n") == "its version is 0, not 1");
  CHECK(FaultOf("version=1\nnode.id=1\n") == "it has no cluster.id");
  CHECK(FaultOf("version=1\ncluster.id=a\\\rb\nnode.id=1\n") ==
        R"(its cluster.id "a\rb" holds a control character)");
  CHECK(FaultOf("version=1\ncluster.id=c\nnode.id=1\ndirectory.id=d\t\n") ==
        R"(its directory.id "d\t" holds a control character)");
  CHECK(FaultOf("version=1\ncluster.id=\nnode.id=1\n") == "it has no cluster.id");
  CHECK(FaultOf("version=1\ncluster.id=c\n") == "it has no node.id");
  CHECK(FaultOf("version=1\ncluster.id=c\nnode.id=one\n") == "its node.id one is not a number");
  CHECK(FaultOf("version=1\ncluster.id=c\nnode.id=-1\n") == "its node.id -1 is not a number");
}

TEST_CASE("meta properties: what Kafka wrote is read") {
  const auto decoded = DecodeMetaProperties(
      "#\n#Sat Nov 21 09:39:54 UTC 2026\ncluster.id=my\\=cluster\\:1\n"
      "directory.id=VupWc5ipSFWkOVO8whEJ1w\nnode.id=3\nversion=1\n");
  REQUIRE(decoded.ok());
  CHECK(*decoded == MetaProperties{"my=cluster:1", BrokerId(3), "VupWc5ipSFWkOVO8whEJ1w"});
}

TEST_CASE("meta properties: other ways to write the same are read too") {
  const auto decoded =
      DecodeMetaProperties("! note\r\n\n  version : 1\r\ncluster.id c\r\nnode.id=3\r\nother=x");
  REQUIRE(decoded.ok());
  CHECK(*decoded == MetaProperties{"c", BrokerId(3), std::nullopt});
}

TEST_CASE("meta properties: what is written is read back") {
  const MetaProperties properties = {"a=b:c #d\\e", BrokerId(2147483647), "id"};
  const std::string text = EncodeMetaProperties(properties);
  CHECK(*DecodeMetaProperties(text) == properties);
  const std::string plain = EncodeMetaProperties({"c", BrokerId(1), "d"});
  CHECK(plain.substr(plain.find('\n') + 1) ==
        "cluster.id=c\ndirectory.id=d\nnode.id=1\nversion=1\n");
}

}  // namespace
}  // namespace millrace::storage

#include "broker/metadata/key_value_map.h"

#include <catch2/catch.hpp>

namespace millrace::metadata {
namespace {

KeyValueMap MapOf(const std::vector<std::vector<Mutation>>& changes) {
  KeyValueMap map;
  for (const auto& mutations : changes) map.Apply({map.revision() + 1, mutations});
  return map;
}

TEST_CASE("key-value map: a condition on an absent key holds only while it is absent") {
  KeyValueMap map = MapOf({{{"a", "1"}}});
  CHECK_FALSE(map.Holds({{.key = "a", .modified = std::nullopt}}));
  CHECK(map.Holds({{.key = "b", .modified = std::nullopt}}));
  CHECK_FALSE(map.Holds({{.key = "b", .modified = Revision(1)}}));
}

TEST_CASE("key-value map: a condition on a revision holds until the key changes again") {
  KeyValueMap map = MapOf({{{"a", "1"}}, {{"b", "1"}}});
  CHECK(map.Holds({{"a", Revision(1)}, {"b", Revision(2)}}));
  CHECK_FALSE(map.Holds({{"a", Revision(1)}, {"b", Revision(1)}}));
  map.Apply({Revision(3), {{"a", "1"}}});
  CHECK_FALSE(map.Holds({{"a", Revision(1)}}));
  CHECK(map.Holds({{"a", Revision(3)}}));
  CHECK(map.Holds({}));
}

TEST_CASE("key-value map: a prefix lists its keys in order and no others") {
  KeyValueMap map = MapOf({{{"t/b", "2"}, {"t/a", "1"}, {"s/z", "0"}, {"u", "3"}}, {{"t/a", {}}}});
  auto entries = map.List("t/");
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].key == "t/b");
  CHECK(entries[0].value == "2");
  CHECK(entries[0].modified == Revision(1));
  CHECK(map.List("").size() == 3);
  CHECK(map.List("x").empty());
  CHECK(map.revision() == Revision(2));
}

TEST_CASE("key-value map: a snapshot holds everything") {
  std::string binary("\0\xff\n", 3);
  KeyValueMap map = MapOf({{{"a", binary}}, {{"b", ""}}, {{"c", "x"}}, {{"c", {}}}});
  auto read = KeyValueMap::DecodeSnapshot(map.EncodeSnapshot());
  REQUIRE(read.ok());
  CHECK(read->revision() == Revision(4));
  auto entries = read->List("");
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].value == binary);
  CHECK(entries[1].value.empty());
  CHECK(read->Holds({{"a", Revision(1)}, {"b", Revision(2)}, {"c", std::nullopt}}));
}

TEST_CASE("key-value map: damaged snapshots and changes are refused") {
  KeyValueMap map = MapOf({{{"key", "value"}}});
  std::string snapshot = map.EncodeSnapshot();
  snapshot.pop_back();
  CHECK(KeyValueMap::DecodeSnapshot(snapshot).status().code() == absl::StatusCode::kDataLoss);
  std::string change = EncodeChange({Revision(1), {{"key", "value"}}});
  change.pop_back();
  CHECK(DecodeChange(change).status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("key-value map: a change survives its encoding, deletions and empty values apart") {
  auto change = DecodeChange(EncodeChange({Revision(9), {{"a", ""}, {"b", {}}, {"c", "x"}}}));
  REQUIRE(change.ok());
  CHECK(change->revision == Revision(9));
  REQUIRE(change->mutations.size() == 3);
  CHECK(change->mutations[0].value == std::optional<std::string>(""));
  CHECK_FALSE(change->mutations[1].value.has_value());
  CHECK(change->mutations[2].value == std::optional<std::string>("x"));
}

}  // namespace
}  // namespace millrace::metadata

#include "broker/core/group/assignor.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "tests/support/seeded.h"

namespace millrace::core::group {
namespace {

TopicId IdOf(int number) {
  TopicId id;
  id.bytes[0] = static_cast<std::byte>(number >> 8);
  id.bytes[1] = static_cast<std::byte>(number & 0xff);
  return id;
}

uint32_t NumberOf(const TopicId& id) {
  return static_cast<uint32_t>(id.bytes[0]) << 8 | static_cast<uint32_t>(id.bytes[1]);
}

// Members by name, each with the topics that it reads and what it was to have.
struct Town {
  std::vector<TopicSize> topics;
  std::map<std::string, std::vector<uint32_t>> reads;
  std::map<std::string, std::string> instance_ids;
  std::map<std::string, PartitionSet> shares;

  explicit Town(const std::vector<int32_t>& sizes) {
    for (size_t i = 0; i < sizes.size(); ++i) {
      topics.push_back({IdOf(static_cast<int>(i)), sizes[i]});
    }
  }

  void Settle(Assignor assignor) {
    std::vector<Subscriber> subscribers;
    for (const auto& [name, places] : reads) {
      Subscriber one{name, std::nullopt, places, &shares[name]};
      auto instance = instance_ids.find(name);
      if (instance != instance_ids.end()) one.instance_id = instance->second;
      subscribers.push_back(one);
    }
    std::vector<PartitionSet> assigned = Assign(assignor, subscribers, topics);
    REQUIRE(assigned.size() == subscribers.size());
    size_t i = 0;
    std::map<std::string, PartitionSet> next;
    for (const auto& [name, places] : reads) next[name] = assigned[i++];
    shares = std::move(next);
  }

  // Every partition that somebody reads belongs to exactly one of those who read it.
  void Check() const {
    std::set<TopicPartition> given;
    for (const auto& [name, share] : shares) {
      CHECK(std::is_sorted(share.begin(), share.end()));
      for (const TopicPartition& one : share) {
        CHECK(given.insert(one).second);
        const uint32_t place = NumberOf(one.topic);
        CHECK(std::ranges::count(reads.at(name), place) == 1);
        CHECK(one.index.value() < topics[place].partitions);
      }
    }
    std::set<uint32_t> read;
    for (const auto& [name, places] : reads) read.insert(places.begin(), places.end());
    size_t expected = 0;
    for (uint32_t place : read) expected += static_cast<size_t>(topics[place].partitions);
    CHECK(given.size() == expected);
  }

  size_t Largest() const {
    size_t size = 0;
    for (const auto& [name, share] : shares) size = std::max(size, share.size());
    return size;
  }
  size_t Smallest() const {
    size_t size = SIZE_MAX;
    for (const auto& [name, share] : shares) size = std::min(size, share.size());
    return size;
  }
};

std::vector<int32_t> IndicesOf(const PartitionSet& share, int topic) {
  std::vector<int32_t> indices;
  for (const TopicPartition& one : share) {
    if (one.topic == IdOf(topic)) indices.push_back(one.index.value());
  }
  return indices;
}

TEST_CASE("assignor: Kafka's names are known, others are not") {
  CHECK(FindAssignor("uniform") == Assignor::kUniform);
  CHECK(FindAssignor("range") == Assignor::kRange);
  CHECK_FALSE(FindAssignor("Range").has_value());
  CHECK_FALSE(FindAssignor("").has_value());
}

TEST_CASE("assignor: nobody gets nothing, and who reads nothing gets nothing") {
  for (Assignor assignor : {Assignor::kUniform, Assignor::kRange}) {
    Town town({3});
    CHECK(Assign(assignor, {}, town.topics).empty());
    town.reads = {{"a", {}}, {"b", {}}};
    town.Settle(assignor);
    CHECK(town.Largest() == 0);
  }
}

TEST_CASE("range assignor: neighbours stay together, and the same stretch of every topic") {
  Town town({5, 5});
  town.reads = {{"a", {0, 1}}, {"b", {0, 1}}};
  town.Settle(Assignor::kRange);
  town.Check();
  for (int topic : {0, 1}) {
    CHECK(IndicesOf(town.shares["a"], topic) == std::vector<int32_t>{0, 1, 2});
    CHECK(IndicesOf(town.shares["b"], topic) == std::vector<int32_t>{3, 4});
  }
}

TEST_CASE("range assignor: a static member under another id has the stretch that it had") {
  Town town({4});
  town.reads = {{"m1", {0}}, {"m2", {0}}};
  town.instance_ids = {{"m1", "x"}, {"m2", "y"}};
  town.Settle(Assignor::kRange);
  const PartitionSet share = town.shares["m1"];
  town.reads = {{"m2", {0}}, {"m3", {0}}};
  town.instance_ids = {{"m3", "x"}, {"m2", "y"}};
  town.Settle(Assignor::kRange);
  CHECK(town.shares["m3"] == share);
}

TEST_CASE("uniform assignor: who comes takes its share, and no more changes hands") {
  Town town({10, 10});
  town.reads = {{"a", {0, 1}}, {"b", {0, 1}}};
  town.Settle(Assignor::kUniform);
  CHECK(town.Largest() == 10);
  const auto before = town.shares;
  town.reads["c"] = {0, 1};
  town.Settle(Assignor::kUniform);
  town.Check();
  CHECK(town.Largest() == 7);
  CHECK(town.Smallest() == 6);
  for (const char* name : {"a", "b"}) CHECK(Includes(before.at(name), town.shares[name]));
}

TEST_CASE("uniform assignor: who goes leaves its share to the others, who keep theirs") {
  Town town({9});
  town.reads = {{"a", {0}}, {"b", {0}}, {"c", {0}}};
  town.Settle(Assignor::kUniform);
  const auto before = town.shares;
  town.reads.erase("b");
  town.Settle(Assignor::kUniform);
  town.Check();
  CHECK(town.Largest() == 5);
  CHECK(Includes(town.shares["a"], before.at("a")));
  CHECK(Includes(town.shares["c"], before.at("c")));
}

TEST_CASE("uniform assignor: members that read different topics are balanced where they can be") {
  Town town({6, 2});
  town.reads = {{"a", {0}}, {"b", {0, 1}}, {"c", {1}}};
  town.Settle(Assignor::kUniform);
  town.Check();
  CHECK(town.shares["a"].size() == 3);
  CHECK(town.shares["b"].size() == 3);
  CHECK(town.shares["c"].size() == 2);
}

TEST_CASE("uniform assignor: many members that read different topics are balanced in a moment") {
  Town town(std::vector<int32_t>(500, 40));
  for (uint32_t i = 0; i < 400; ++i) {
    std::vector<uint32_t>& places = town.reads["m" + std::to_string(i)];
    for (uint32_t place = 0; place < 500; ++place) {
      if (test::Mix(i, place) % 4 == 0) places.push_back(place);
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  town.Settle(Assignor::kUniform);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  town.Check();
  CHECK(town.Largest() - town.Smallest() <= 1);
}

TEST_CASE("uniform assignor: a topic that is gone, or has fewer partitions, is not held on to") {
  Town town({4, 4});
  town.reads = {{"a", {0, 1}}, {"b", {0, 1}}};
  town.Settle(Assignor::kUniform);
  town.topics = {{IdOf(0), 2}};
  town.reads = {{"a", {0}}, {"b", {0}}};
  town.Settle(Assignor::kUniform);
  town.Check();
  CHECK(town.Largest() == 1);
}

TEST_CASE("assignors: random groups that change are always shared out whole") {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    uint64_t at = 0;
    auto pick = [&](uint64_t bound) { return test::Mix(seed, at++) % bound; };
    std::vector<int32_t> sizes(1 + pick(5));
    for (int32_t& size : sizes) size = static_cast<int32_t>(1 + pick(12));
    Town town(sizes);
    const bool is_homogeneous = pick(2) == 0;
    const Assignor assignor = pick(3) == 0 ? Assignor::kRange : Assignor::kUniform;
    for (int round = 0; round < 8; ++round) {
      const std::string name = "m" + std::to_string(pick(8));
      if (town.reads.contains(name) && pick(2) == 0) {
        town.reads.erase(name);
      } else {
        std::vector<uint32_t>& places = town.reads[name];
        places.clear();
        for (uint32_t i = 0; i < sizes.size(); ++i) {
          if (is_homogeneous || pick(2) == 0) places.push_back(i);
        }
      }
      if (town.reads.empty()) continue;
      town.Settle(assignor);
      town.Check();
      if (is_homogeneous && assignor == Assignor::kUniform) {
        CHECK(town.Largest() - town.Smallest() <= 1);
      }
      const auto before = town.shares;
      town.Settle(assignor);
      CHECK(town.shares == before);
    }
  }
}

}  // namespace
}  // namespace millrace::core::group

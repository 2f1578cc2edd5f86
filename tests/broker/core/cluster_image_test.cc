#include "broker/core/cluster_image.h"

#include <catch2/catch.hpp>

namespace millrace::core {
namespace {

ClusterImage::TopicPtr Topic(std::string name, uint8_t id) {
  auto topic = std::make_shared<TopicImage>();
  topic->name = std::move(name);
  topic->id.bytes[15] = std::byte{id};
  return topic;
}

TopicId Id(uint8_t id) { return Topic("", id)->id; }

TEST_CASE("cluster image: what is not there is not found") {
  ClusterImage image;
  image.PutTopic(Topic("a", 1));
  CHECK(image.FindTopic("b") == nullptr);
  CHECK(image.FindTopic(Id(2)) == nullptr);
  image.RemoveTopic("b");
  CHECK(image.topics().size() == 1);
}

TEST_CASE("cluster image: a topic is found by name and by id, and listed by name") {
  ClusterImage image;
  image.PutTopic(Topic("b", 2));
  image.PutTopic(Topic("a", 1));
  REQUIRE(image.FindTopic("a") != nullptr);
  CHECK(image.FindTopic("a") == image.FindTopic(Id(1)));
  CHECK(image.topics().begin()->first == "a");
}

TEST_CASE("cluster image: a topic of the same name takes the place of the old one") {
  ClusterImage image;
  image.PutTopic(Topic("a", 1));
  image.PutTopic(Topic("a", 2));
  CHECK(image.FindTopic(Id(1)) == nullptr);
  CHECK(image.FindTopic("a") == image.FindTopic(Id(2)));
  CHECK(image.topics().size() == 1);
  image.RemoveTopic("a");
  CHECK(image.FindTopic(Id(2)) == nullptr);
  CHECK(image.FindTopic("a") == nullptr);
  CHECK(image.topics().empty());
}

TEST_CASE("cluster image: changing a copy leaves the original as it is") {
  ClusterImage before;
  before.PutTopic(Topic("a", 1));
  ClusterImage after = before;
  after.RemoveTopic("a");
  after.PutTopic(Topic("b", 2));
  CHECK(before.FindTopic("a") != nullptr);
  CHECK(before.FindTopic(Id(2)) == nullptr);
}

}  // namespace
}  // namespace millrace::core

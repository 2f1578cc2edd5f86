#include "broker/core/group/readable_topics.h"

#include "tests/broker/core/group/consumer_support.h"

namespace millrace::core::group {
namespace {

ConsumerMember Reader(std::vector<std::string> topics, std::string regex = "") {
  ConsumerMember member;
  member.topics = std::move(topics);
  member.regex = std::move(regex);
  return member;
}

TEST_CASE("readable topics: names that there are not are left out, patterns add to names") {
  ConsumerGroup group;
  group.Put("a", Reader({"bills", "nosuch"}, "n.*|__.*"));
  group.Put("b", Reader({"orders"}));
  ImagePtr image = ImageOf({{"orders", 6}, {"bills", 2}, {"news", 1}, {"__x", 1}, {"other", 1}});
  ReadableTopics readable(group, *image);
  REQUIRE(readable.topics().size() == 3);
  CHECK(readable.topics()[0].partitions == 6);
  CHECK(readable.Of(group.members.at("a")).size() == 2);
  CHECK(readable.Of(group.members.at("b")).size() == 1);
  CHECK(readable.topics()[readable.Of(group.members.at("b"))[0]].id == TopicNumber(1));
}

TEST_CASE("readable topics: the hash is that of what is read, and does not change") {
  ConsumerGroup group;
  group.Put("a", Reader({"orders"}));
  auto hash = [&](const ImagePtr& image) { return ReadableTopics(group, *image).hash(); };
  const uint64_t before = hash(ImageOf({{"orders", 6}}));
  CHECK(before == hash(ImageOf({{"orders", 6}, {"other", 1}})));
  CHECK(before != hash(ImageOf({{"orders", 7}})));
  CHECK(hash(ImageOf({})) == 0xcbf29ce484222325);
  // It is stored: 15 zeros, 1, then 6 as four bytes.
  CHECK(before == 0x21cc6fe3646717f4);
}

}  // namespace
}  // namespace millrace::core::group

#include "broker/core/group/subscription.h"

#include "tests/broker/core/group/support.h"

namespace millrace::core::group {

namespace {

Membership Subscribed(std::string metadata, std::string protocol_type = "consumer") {
  Membership membership;
  membership.state = GroupState::kStable;
  membership.protocol_type = std::move(protocol_type);
  membership.protocol = "range";
  membership.members["m"].protocols = {{"range", std::move(metadata)}};
  return membership;
}

bool MaySubscribeTo(const Membership& membership, std::string_view topic) {
  return SubscribedTopics(membership).MayContain(topic);
}

}  // namespace

TEST_CASE("subscription: metadata that does not parse may name any topic") {
  std::string whole = Subscription({"one", "two"});
  for (size_t size = 0; size < 15; ++size) {
    CAPTURE(size);
    CHECK(MaySubscribeTo(Subscribed(whole.substr(0, size)), "three"));
  }
  CHECK(MaySubscribeTo(Subscribed(std::string("\0\0\x7f\xff\xff\xff", 6)), "three"));
  CHECK(MaySubscribeTo(Subscribed(std::string("\0\0\0\0\0\1\xff\xff", 8)), "three"));
}

TEST_CASE("subscription: the topics that are named, and no others") {
  Membership membership = Subscribed(Subscription({"one", "two"}));
  CHECK(MaySubscribeTo(membership, "one"));
  CHECK(MaySubscribeTo(membership, "two"));
  CHECK_FALSE(MaySubscribeTo(membership, "tw"));
  CHECK_FALSE(MaySubscribeTo(membership, "three"));
}

TEST_CASE("subscription: other kinds of groups, and groups without members, read no topic") {
  CHECK_FALSE(MaySubscribeTo(Subscribed("", "connect"), "one"));
  CHECK_FALSE(MaySubscribeTo(Membership(), "one"));
}

TEST_CASE("subscription: of several members, with protocols that they do not all know") {
  Membership membership = Subscribed(Subscription({"one"}));
  membership.members["n"].protocols = {{"range", Subscription({"two", "one"})}};
  SubscribedTopics subscribed(membership);
  CHECK(subscribed.MayContain("one"));
  CHECK(subscribed.MayContain("two"));
  CHECK_FALSE(subscribed.MayContain("three"));
  membership.members["n"].protocols = {{"sticky", Subscription({"two"})}};
  CHECK(MaySubscribeTo(membership, "three"));
}

}  // namespace millrace::core::group

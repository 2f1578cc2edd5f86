#include "broker/core/group/subscription.h"

#include <algorithm>
#include <optional>
#include <set>

namespace millrace::core::group {

namespace {

// A big-endian number of `bytes` bytes from the front of `rest`; none when there are fewer.
std::optional<int32_t> TakeNumber(std::string_view& rest, size_t bytes) {
  if (rest.size() < bytes) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(rest[i]);
  rest.remove_prefix(bytes);
  return static_cast<int32_t>(value);
}

}  // namespace

SubscribedTopics::SubscribedTopics(const Membership& membership) {
  if (membership.protocol_type != kConsumerProtocolType) return;
  for (const auto& [id, member] : membership.members) {
    const Protocol* protocol = member.FindProtocol(membership.protocol.value_or(""));
    if (protocol == nullptr || !Read(protocol->metadata)) may_be_any_ = true;
    if (may_be_any_) return;
  }
}

SubscribedTopics::SubscribedTopics(const ConsumerGroup& group) {
  std::set<std::string_view> expressions;
  for (const auto& [id, member] : group.members) {
    names_.insert(member.topics.begin(), member.topics.end());
    if (!member.regex.empty()) expressions.insert(member.regex);
  }
  for (std::string_view expression : expressions) patterns_.emplace_back(expression);
}

bool SubscribedTopics::MayContain(std::string_view topic) const {
  return may_be_any_ || names_.contains(topic) ||
         std::ranges::any_of(patterns_,
                             [&](const TopicPattern& pattern) { return pattern.Matches(topic); });
}

// version int16, then an array (int32 length) of topics (int16 length, name).
bool SubscribedTopics::Read(std::string_view metadata) {
  if (!TakeNumber(metadata, 2).has_value()) return false;
  std::optional<int32_t> count = TakeNumber(metadata, 4);
  if (!count.has_value()) return false;
  for (int32_t i = 0; i < *count; ++i) {
    std::optional<int32_t> size = TakeNumber(metadata, 2);
    if (!size.has_value() || static_cast<size_t>(*size) > metadata.size()) return false;
    names_.insert(metadata.substr(0, static_cast<size_t>(*size)));
    metadata.remove_prefix(static_cast<size_t>(*size));
  }
  return true;
}

}  // namespace millrace::core::group

// DescribeGroups, ListGroups and DeleteGroups.
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/api/drop_repeated.h"
#include "broker/api/group_text.h"
#include "broker/api/handlers.h"

namespace millrace::api {

namespace {

using core::group::DescribeAnswer;
using core::group::GroupState;
using core::group::ListAnswer;
using core::group::Member;
using core::group::Membership;

constexpr int16_t kGroupIdNotFoundSince = 6;
constexpr std::string_view kClassicType = "classic";
constexpr std::string_view kConsumerType = "consumer";

// Lower case without blanks around it, as Kafka compares what a filter says.
std::string Normalised(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  text = text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// What a request wants to see of states, or of types. It may name many, so it is read once for each
// value that there is, however many groups have it. The names must outlive it.
class Filter {
 public:
  explicit Filter(wire::Array<std::string_view> names) : names_(names) {}

  bool Passes(std::string_view value) {
    auto [passes, is_new] = passes_.try_emplace(value, false);
    if (is_new) passes->second = names_.empty() || Names(value);
    return passes->second;
  }

 private:
  bool Names(std::string_view value) const {
    std::string wanted = Normalised(value);
    return std::any_of(names_.begin(), names_.end(),
                       [&](std::string_view one) { return Normalised(one) == wanted; });
  }

  wire::Array<std::string_view> names_;
  std::map<std::string_view, bool> passes_;  // by value
};

// Metadata and assignments are of interest only where they are settled.
void PutMembers(const Context& context, const Membership& membership,
                wire::DescribeGroupsResponse::Group& group) {
  bool is_stable = membership.state == GroupState::kStable;
  wire::Arena& arena = context.arena();
  group.members = arena.NewArray<wire::DescribeGroupsResponse::Member>(membership.members.size());
  size_t i = 0;
  for (const auto& [id, member] : membership.members) {
    auto& entry = group.members[i++];
    entry.member_id = arena.Copy(id);
    if (member.instance_id.has_value()) entry.group_instance_id = arena.Copy(*member.instance_id);
    entry.client_id = arena.Copy(member.client_id);
    entry.client_host = arena.Copy(member.client_host);
    if (!is_stable) continue;
    const core::group::Protocol* protocol = member.FindProtocol(membership.protocol.value_or(""));
    if (protocol != nullptr) entry.member_metadata = AsBytes(arena.Copy(protocol->metadata));
    entry.member_assignment = AsBytes(arena.Copy(member.assignment));
  }
}

void PutDescribed(const Context& context, const wire::DescribeGroupsRequest& request,
                  const DescribeAnswer& answer, wire::DescribeGroupsResponse::Group& group) {
  wire::Arena& arena = context.arena();
  const Membership& membership = answer.membership;
  bool is_unknown = answer.error == ErrorCode::kGroupIdNotFound;
  if (answer.error != ErrorCode::kNone && !is_unknown) {
    group.error_code = answer.error;
    return;
  }
  group.group_state = core::group::StateName(membership.state);
  group.protocol_type = arena.Copy(membership.protocol_type.value_or(""));
  if (membership.state == GroupState::kStable) {
    group.protocol_data = arena.Copy(membership.protocol.value_or(""));
  }
  PutMembers(context, membership, group);
  if (is_unknown && context.version >= kGroupIdNotFoundSince) {
    group.error_code = ErrorCode::kGroupIdNotFound;
    group.error_message = arena.Copy(GroupText(group.group_id, "not found"));
  } else if (request.include_authorized_operations) {
    group.authorized_operations = kAllGroupOperations;
  }
}

}  // namespace

awaitable<void> HandleDescribeGroups(Context& context, wire::DescribeGroupsRequest& request,
                                     AnswerSlot slot) {
  wire::DescribeGroupsResponse response;
  DropRepeated(request.groups, std::identity());
  response.groups =
      context.arena().NewArray<wire::DescribeGroupsResponse::Group>(request.groups.size());
  for (size_t i = 0; i < request.groups.size(); ++i) {
    response.groups[i].group_id = request.groups[i];
    core::group::Describe describe{.group_id = request.groups[i]};
    DescribeAnswer answer = co_await context.services.groups.Call(describe);
    PutDescribed(context, request, answer, response.groups[i]);
  }
  Answer(context, slot, response);
}

awaitable<void> HandleListGroups(Context& context, wire::ListGroupsRequest& request,
                                 AnswerSlot slot) {
  wire::ListGroupsResponse response;
  ListAnswer answer = co_await context.services.groups.List();
  response.error_code = answer.error;
  auto groups = context.arena().NewArray<wire::ListGroupsResponse::Group>(answer.groups.size());
  Filter states(request.states_filter);
  Filter types(request.types_filter);
  size_t kept = 0;
  for (const ListAnswer::Listed& listed : answer.groups) {
    std::string_view type = listed.is_consumer_group ? kConsumerType : kClassicType;
    if (!states.Passes(listed.state) || !types.Passes(type)) continue;
    groups[kept++] = {listed.group_id, listed.protocol_type, listed.state, type};
  }
  groups.Shrink(kept);
  response.groups = groups;
  Answer(context, slot, response);
}

awaitable<void> HandleDeleteGroups(Context& context, wire::DeleteGroupsRequest& request,
                                   AnswerSlot slot) {
  wire::DeleteGroupsResponse response;
  // A group that is named twice has one result, as in Kafka.
  std::set<std::string_view> names(request.groups_names.begin(), request.groups_names.end());
  response.results = context.arena().NewArray<wire::DeleteGroupsResponse::Result>(names.size());
  size_t i = 0;
  for (std::string_view name : names) {
    core::group::DeleteAnswer answer =
        co_await context.services.groups.Call(core::group::Delete{.group_id = name});
    response.results[i++] = {name, answer.error};
  }
  Answer(context, slot, response);
}

}  // namespace millrace::api

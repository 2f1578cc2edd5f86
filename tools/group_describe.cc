// `millrace group list` and `millrace group describe`.
#include <map>
#include <utility>

#include "proto/wire/list_offsets.h"
#include "tools/group_client.h"
#include "tools/group_commands.h"
#include "tools/group_output.h"
#include "tools/group_rows.h"

namespace millrace::tools {

namespace {

namespace json = boost::json;

// A group as far as it was asked for.
struct Described {
  GroupFacts facts;
  OffsetMap committed;
  OffsetMap log_ends;
};

absl::StatusOr<Described> Ask(GroupClient& client, const std::string& group, bool with_offsets) {
  Described described;
  auto facts = client.Describe(group);
  if (!facts.ok()) return facts.status();
  described.facts = std::move(*facts);
  if (!with_offsets) return described;
  auto committed = client.Committed(group);
  if (!committed.ok()) return committed.status();
  described.committed = std::move(*committed);
  TopicPartitions partitions = PartitionsOf(described.facts, described.committed);
  if (partitions.empty()) return described;
  auto ends = client.Offsets(partitions, wire::kLatestTimestamp);
  if (!ends.ok()) return ends.status();
  // Without an end there is no lag, as for a topic that is deleted: that is all there is to say.
  for (const auto& [at, end] : *ends) {
    if (end.error == ErrorCode::kNone && end.offset.has_value()) {
      described.log_ends[at] = *end.offset;
    }
  }
  return described;
}

json::array AssignmentJson(const TopicPartitions& assignment) {
  std::map<std::string_view, json::array> topics;
  for (const TopicPartition& at : assignment) topics[at.topic].push_back(at.partition.value());
  json::array array;
  for (auto& [topic, partitions] : topics) {
    array.push_back(json::object{{"topic", topic}, {"partitions", std::move(partitions)}});
  }
  return array;
}

json::object MemberJson(const GroupMember& member) {
  json::value assignment;
  if (member.assignment.has_value()) assignment = AssignmentJson(*member.assignment);
  return {{"memberId", member.member_id},
          {"instanceId", ToJson(std::string_view(member.instance_id))},
          {"clientId", member.client_id},
          {"host", member.host},
          {"assignment", std::move(assignment)}};
}

json::object RowJson(const GroupRow& row) {
  const GroupMember* member = row.member;
  auto text = [&](const std::string GroupMember::* field) {
    return member == nullptr ? json::value(nullptr) : ToJson(std::string_view(member->*field));
  };
  return {{"topic", row.at.topic},
          {"partition", row.at.partition.value()},
          {"committedOffset", ToJson(row.committed)},
          {"logEndOffset", ToJson(row.log_end)},
          {"lag", ToJson(row.lag)},
          {"memberId", text(&GroupMember::member_id)},
          {"instanceId", text(&GroupMember::instance_id)},
          {"host", text(&GroupMember::host)},
          {"clientId", text(&GroupMember::client_id)}};
}

json::object GroupJson(const DescribeGroupsOptions& options, const Described& described) {
  const GroupFacts& facts = described.facts;
  json::object object{{"group", facts.group},
                      {"state", facts.state},
                      {"protocolType", ToJson(std::string_view(facts.protocol_type))},
                      {"assignor", ToJson(std::string_view(facts.protocol))},
                      {"coordinator", json::object{{"id", facts.coordinator.id.value()},
                                                   {"host", facts.coordinator.host},
                                                   {"port", facts.coordinator.port}}},
                      {"memberCount", facts.members.size()}};
  if (options.state) return object;
  json::array array;
  if (options.members) {
    for (const GroupMember& member : facts.members) array.push_back(MemberJson(member));
    object["members"] = std::move(array);
    return object;
  }
  for (const GroupRow& row : GroupRows(facts, described.committed, described.log_ends)) {
    array.push_back(RowJson(row));
  }
  object["partitions"] = std::move(array);
  return object;
}

Table::Row Names(const DescribeGroupsOptions& options) {
  if (options.state) {
    return {"GROUP", "COORDINATOR", "ASSIGNOR", "STATE", "PROTOCOL-TYPE", "MEMBERS"};
  }
  if (options.members) {
    return {"GROUP", "CONSUMER-ID", "INSTANCE-ID", "HOST", "CLIENT-ID", "PARTITIONS", "ASSIGNMENT"};
  }
  return {"GROUP", "TOPIC",       "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET",
          "LAG",   "CONSUMER-ID", "HOST",      "CLIENT-ID"};
}

// "orders:0,1 payments:2"
std::string AssignmentText(const TopicPartitions& assignment) {
  std::string text;
  const TopicPartition* previous = nullptr;
  for (const TopicPartition& at : assignment) {
    bool is_same = previous != nullptr && previous->topic == at.topic;
    if (!is_same && previous != nullptr) text += ' ';
    text += is_same ? "," : at.topic + ":";
    text += fmt::format("{}", at.partition.value());
    previous = &at;
  }
  return text;
}

void AddMembers(const GroupFacts& facts, Table& table) {
  for (const GroupMember& member : facts.members) {
    std::optional<size_t> partitions;
    std::string text;
    if (member.assignment.has_value()) {
      partitions = member.assignment->size();
      text = AssignmentText(*member.assignment);
    }
    table.Add({facts.group, member.member_id, member.instance_id, member.host, member.client_id,
               TextOf(partitions), text});
  }
}

void AddPartitions(const Described& described, Table& table) {
  const GroupFacts& facts = described.facts;
  for (const GroupRow& row : GroupRows(facts, described.committed, described.log_ends)) {
    GroupMember nobody;
    const GroupMember& member = row.member == nullptr ? nobody : *row.member;
    table.Add({facts.group, row.at.topic, fmt::format("{}", row.at.partition.value()),
               TextOf(row.committed), TextOf(row.log_end), TextOf(row.lag), member.member_id,
               member.host, member.client_id});
  }
}

void AddGroup(const DescribeGroupsOptions& options, const Described& described, Table& table) {
  const GroupFacts& facts = described.facts;
  if (options.state) {
    const GroupCoordinator& at = facts.coordinator;
    table.Add({facts.group, fmt::format("{}:{} ({})", at.host, at.port, at.id.value()),
               facts.protocol, facts.state, facts.protocol_type,
               fmt::format("{}", facts.members.size())});
    return;
  }
  // Without this an empty table would leave open why it is empty.
  if (facts.members.empty()) {
    Remark(fmt::format("group '{}' has no members (state {})", facts.group, facts.state));
  } else if (facts.protocol.empty()) {
    Remark(fmt::format("group '{}' is rebalancing (state {})", facts.group, facts.state));
  }
  if (options.members) {
    AddMembers(facts, table);
  } else {
    AddPartitions(described, table);
  }
}

absl::StatusOr<std::vector<std::string>> GroupsToDescribe(GroupClient& client,
                                                          const DescribeGroupsOptions& options) {
  if (!options.all) return options.groups;
  auto listed = client.List({});
  if (!listed.ok()) return listed.status();
  std::vector<std::string> groups;
  for (const ListedGroup& group : *listed) groups.push_back(group.group);
  return groups;
}

}  // namespace

int ListGroups(const ListGroupsOptions& options) {
  auto client = GroupClient::Connect(options.bootstrap_server);
  if (!client.ok()) return Fail(options, "", client.status());
  auto groups = client->List(options.states);
  if (!groups.ok()) return Fail(options, "", groups.status());
  Table table({"GROUP", "TYPE", "PROTOCOL-TYPE", "STATE", "MEMBERS"});
  json::array array;
  for (const ListedGroup& group : *groups) {
    json::value members;
    if (group.members.has_value()) members = *group.members;
    array.push_back(json::object{{"group", group.group},
                                 {"type", group.type},
                                 {"protocolType", ToJson(std::string_view(group.protocol_type))},
                                 {"state", group.state},
                                 {"memberCount", members}});
    table.Add({group.group, group.type, group.protocol_type, group.state, TextOf(group.members)});
  }
  if (options.json) {
    Print(json::value(std::move(array)));
  } else {
    table.Print();
  }
  return 0;
}

int DescribeGroups(const DescribeGroupsOptions& options) {
  auto client = GroupClient::Connect(options.bootstrap_server);
  if (!client.ok()) return Fail(options, "", client.status());
  auto groups = GroupsToDescribe(*client, options);
  if (!groups.ok()) return Fail(options, "", groups.status());
  int code = 0;
  Table table(Names(options));
  json::array array;
  for (const std::string& group : *groups) {
    auto described = Ask(*client, group, !options.members && !options.state);
    if (!described.ok()) {
      code = 1;
      array.push_back(ErrorJson(group, described.status()));
      if (!options.json) RemarkError(group, described.status());
    } else if (options.json) {
      array.push_back(GroupJson(options, *described));
    } else {
      AddGroup(options, *described, table);
    }
  }
  if (options.json) {
    Print(json::value(std::move(array)));
  } else if (!table.empty()) {
    table.Print();
  }
  return code;
}

}  // namespace millrace::tools

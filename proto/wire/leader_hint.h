// Where the leader is now: what produce and fetch responses add to NOT_LEADER_OR_FOLLOWER.
#pragma once

#include "proto/wire/codec.h"

namespace millrace::wire {

struct LeaderIdAndEpoch {
  std::optional<BrokerId> leader_id;
  std::optional<LeaderEpoch> leader_epoch;
};

struct NodeEndpoint {
  BrokerId node_id;
  std::string_view host;
  int32_t port = 0;
  std::optional<std::string_view> rack;
};

template <class Archive>
void Describe(Archive& ar, LeaderIdAndEpoch& leader) {
  ar.Optional(leader.leader_id);
  ar.Optional(leader.leader_epoch);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, NodeEndpoint& node) {
  ar.Field(node.node_id);
  ar.Field(node.host);
  ar.Field(node.port);
  ar.Field(node.rack);
  ar.Tags();
}

}  // namespace millrace::wire

// What a coordinator knows of a group besides its records: who waits for an answer, and who is in
// the next generation while it is being prepared. All of it is gone after a restart.
//
// Pure values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "broker/core/group/group.h"
#include "broker/core/group/inputs.h"

namespace millrace::core::group {

struct WaitingJoin {
  RequestId request;
  // It has never been told of a generation, so nobody but its session can say that it is gone.
  bool is_new = false;
};

struct Live {
  // From the first cause of a rebalance until its generation is given out: the group as it stands
  // now, in kPreparingRebalance, still with the generation before. The record has it as it was.
  std::optional<Membership> preparing;
  // The group was empty: it waits for more to come, not for members to join again.
  bool is_initial = false;
  bool has_grown = false;     // somebody came while it waited for more
  int64_t delay_left_ms = 0;  // for how much longer it may wait for more
  bool is_timed = false;      // the timer kJoin is set
  std::map<std::string, WaitingJoin, std::less<>> joins;  // by member id
  std::map<std::string, RequestId, std::less<>> syncs;    // by member id
  std::set<std::string, std::less<>> unsynced;  // members that have not fetched their assignment
  size_t pending = 0;                           // ids that were given out and not used yet

  // Who waits for an answer needs no heartbeats, but a new member might have gone unseen.
  bool IsWaiting(std::string_view member_id) const {
    return joins.contains(member_id) || syncs.contains(member_id);
  }
  bool IsIdle() const {
    return !preparing.has_value() && joins.empty() && syncs.empty() && unsynced.empty() &&
           pending == 0;
  }
};

}  // namespace millrace::core::group

// One fetch on its way: what is asked for, what was read, and how the answer is made. The parts of
// Fetch that decide, apart from the handler that reads and waits.
//
// Lifetime: holds views into its arena; moves with it when the request is parked.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/api/context.h"
#include "proto/wire/fetch.h"

namespace millrace::api {

// One partition of a fetch. After a read, `outcome` says what its log gave.
struct FetchItem {
  core::PartitionRef asked;
  partition::PartitionKey key;  // zero topic: there is no such partition
  partition::FetchRequest request;
  partition::FetchOutcome outcome;
  std::shared_ptr<partition::Partition> partition;  // null: outcome.error says why
  bool is_unreadable = false;                       // the disk has failed to read what it needs
  // What is answered in place of what was read, to clients that know message sets only.
  std::vector<std::byte> message_set;
  bool is_passed_over = false;  // nothing came of it, and `request` reads on behind it
};

struct FetchCall {
  std::vector<FetchItem> items;
  std::shared_ptr<core::FetchSession> session;  // null: served without one
  bool is_incremental = false;
  bool is_read_committed = false;
  int64_t bytes_min = 0;
  int64_t bytes_max = 0;

  int64_t total_bytes() const;
  bool has_error() const;
  // Cuts what was read to what the answer may hold, in the order in which it was asked for. The
  // first batch of all stays whole, whatever its size; of the others none is sent in part only.
  void FitToSize();
  // Whether there is nothing to wait for.
  bool IsSatisfied() const;
};

// Fills `call` from the request, by way of the session where there is one; a refusal of the
// request as a whole otherwise.
ErrorCode PlanFetch(Context& context, const wire::FetchRequest& request, FetchCall& call);

// The answer, with the records that stay in files. Small answers are read into `arena`.
wire::FetchResponse MakeFetchResponse(FetchCall& call, wire::Arena& arena,
                                      std::vector<FilePart>& files);

}  // namespace millrace::api

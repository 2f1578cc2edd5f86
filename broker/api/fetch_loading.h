// A fetch of records that are not in the page cache: what has to be loaded before it can be
// answered.
#pragma once

#include "broker/api/fetch_call.h"
#include "broker/runtime/load_pool.h"

namespace millrace::api {

// So much of a slice is loaded before its answer; the connection asks for the rest as it sends.
inline constexpr int64_t kLoadedBytesMax = 4 << 20;

// How a partition is read in the n-th round, from 0: without waiting for the disk, unless rounds
// have not helped.
std::optional<int64_t> ResidentBytes(const partition::FetchRequest& request, int round);

// Whether something must be loaded before there is an answer.
bool IsCold(const FetchCall& call);
// Loads it, once; what fails is noted in its item. `owner` is who waits.
awaitable<void> LoadCold(FetchCall& call, LoadPool::Owner owner);

}  // namespace millrace::api

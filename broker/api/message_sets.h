// The message sets of old clients: what Produce 0 to 2 brings becomes a record batch before it is
// appended, and what Fetch 0 to 3 has read becomes a message set before it is answered.
//
// Threading: called on any shard; what takes long runs on the codec pool meanwhile.
#pragma once

#include <cstddef>
#include <span>

#include "broker/api/context.h"
#include "broker/api/fetch_call.h"
#include "proto/record/up_convert.h"

namespace millrace::api {

// `set` must stay until the call ends.
awaitable<record::UpConverted> ConvertUp(const Services& services, std::span<const std::byte> set);

// Puts message sets into the call's items in place of what they read: magic 0 up to version 1 of
// Fetch, magic 1 for the next two.
awaitable<void> ConvertDown(const Services& services, FetchCall& call, int16_t version);

}  // namespace millrace::api

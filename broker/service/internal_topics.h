// The topics in which the broker keeps its own records: they are created with properties of their
// own, and clients do not write to them.
//
// Pure.
#pragma once

#include <string_view>

#include "broker/core/properties.h"
#include "broker/service/topic_service.h"

namespace millrace::service {

inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";

bool IsInternalTopic(std::string_view name);

// Fills in what the request for an internal topic leaves open; other topics stay as they are.
void AddInternalDefaults(const core::Properties& properties, NewTopic& topic);

}  // namespace millrace::service

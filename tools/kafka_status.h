// Refusals of brokers as absl::Status, for commands that also meet failing networks.
#pragma once

#include <optional>
#include <string_view>

#include <absl/status/status.h>

#include "proto/error_code.h"

namespace millrace::tools {

// `message` is what the broker says; where it says nothing, a sentence of ours if there is one.
// Precondition: `error` is not kNone.
absl::Status KafkaError(ErrorCode error, std::string_view message = {});

// None: not a broker's refusal.
std::optional<ErrorCode> KafkaErrorOf(const absl::Status& status);

// What scripts may compare: Kafka's name of the error, INVALID_REQUEST where nothing was sent for
// it makes no sense, UNAVAILABLE where no broker answers.
std::string_view ErrorNameOf(const absl::Status& status);

// What the user did wrong before anything was sent.
absl::Status WrongUsage(std::string_view message);

}  // namespace millrace::tools

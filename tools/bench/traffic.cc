#include "tools/bench/traffic.h"

#include "tools/kafka_status.h"

namespace millrace::bench {

namespace {

constexpr int kRefusalsInRowMax = 20;

}  // namespace

absl::Status Traffic::CountRefusal(ErrorCode error, std::string_view message) {
  ++counts_.requests;
  RefusalCount& refusal = refusals_[error];
  if (++refusal.answers == 1) refusal.message = std::string(message);
  if (++refusals_in_row_ < kRefusalsInRowMax) return absl::OkStatus();
  return tools::KafkaError(error, message);
}

}  // namespace millrace::bench

// Bit fields of the operations that a client may do, in answers about clusters, topics and groups.
#pragma once

#include <cstdint>
#include <limits>

namespace millrace::wire {

// The value of such a field where the request did not ask for it.
inline constexpr int32_t kOperationsNotRequested = std::numeric_limits<int32_t>::min();

// Kafka's AclOperation: each is the bit of its number.
enum class Operation : uint8_t {
  kRead = 3,
  kWrite = 4,
  kCreate = 5,
  kDelete = 6,
  kAlter = 7,
  kDescribe = 8,
  kClusterAction = 9,
  kDescribeConfigs = 10,
  kAlterConfigs = 11,
  kIdempotentWrite = 12,
};

template <class... Operations>
constexpr int32_t OperationBits(Operations... operations) {
  return (0 | ... | (1 << static_cast<int>(operations)));
}

// Everything that can be done to a resource of the kind: the answer where nothing is forbidden.
inline constexpr int32_t kAllTopicOperations = OperationBits(
    Operation::kRead, Operation::kWrite, Operation::kCreate, Operation::kDelete, Operation::kAlter,
    Operation::kDescribe, Operation::kDescribeConfigs, Operation::kAlterConfigs);
inline constexpr int32_t kAllGroupOperations =
    OperationBits(Operation::kRead, Operation::kDelete, Operation::kDescribe,
                  Operation::kDescribeConfigs, Operation::kAlterConfigs);
inline constexpr int32_t kAllClusterOperations = OperationBits(
    Operation::kCreate, Operation::kAlter, Operation::kDescribe, Operation::kClusterAction,
    Operation::kDescribeConfigs, Operation::kAlterConfigs, Operation::kIdempotentWrite);

}  // namespace millrace::wire

// InitProducerId: an id and epoch for an idempotent or transactional producer.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct InitProducerIdRequest {
  static constexpr MessageInfo kInfo{ApiKey::kInitProducerId, 0, 6, 2};

  std::optional<std::string_view> transactional_id;
  int32_t transaction_timeout_ms = 0;
  std::optional<ProducerId> producer_id;  // what the producer has now, to have its epoch raised
  std::optional<ProducerEpoch> producer_epoch;
  bool enable2_pc = false;
  bool keep_prepared_txn = false;
};

template <class Archive>
void Describe(Archive& ar, InitProducerIdRequest& request) {
  ar.Field(request.transactional_id);
  ar.Field(request.transaction_timeout_ms);
  if (ar.Since(3)) {
    ar.Optional(request.producer_id);
    ar.Optional(request.producer_epoch);
  }
  if (ar.Since(6)) {
    ar.Field(request.enable2_pc);
    ar.Field(request.keep_prepared_txn);
  }
  ar.Tags();
}

struct InitProducerIdResponse {
  static constexpr MessageInfo kInfo{ApiKey::kInitProducerId, 0, 6, 2};

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<ProducerId> producer_id;
  std::optional<ProducerEpoch> producer_epoch;
  std::optional<ProducerId> ongoing_txn_producer_id;
  std::optional<ProducerEpoch> ongoing_txn_producer_epoch;
};

template <class Archive>
void Describe(Archive& ar, InitProducerIdResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.error_code);
  ar.Optional(response.producer_id);
  ar.Optional(response.producer_epoch);
  if (ar.Since(6)) {
    ar.Optional(response.ongoing_txn_producer_id);
    ar.Optional(response.ongoing_txn_producer_epoch);
  }
  ar.Tags();
}

}  // namespace millrace::wire

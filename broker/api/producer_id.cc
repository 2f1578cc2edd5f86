// InitProducerId for idempotent producers. Transactions are refused with a fatal error.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/api/handlers.h"
#include "broker/runtime/printable.h"

namespace millrace::api {

awaitable<void> HandleInitProducerId(Context& context, wire::InitProducerIdRequest& request,
                                     AnswerSlot slot) {
  wire::InitProducerIdResponse response;
  if (request.transactional_id.has_value()) {
    // Fatal in every client: nobody may use a transactional id here.
    response.error_code = ErrorCode::kTransactionalIdAuthorizationFailed;
    ClientLog& log = context.services.client_log;
    if (log.Allows(ClientLog::Kind::kRequest)) {
      log.Warn(fmt::format("{}: transactional id '{}' refused: this broker has no transactions",
                           context.peer.address, Printable(*request.transactional_id)));
    }
    Answer(context, slot, response);
    co_return;
  }
  // Without a transactional id every request gets a fresh id, as in Kafka, whatever the producer
  // had before.
  absl::StatusOr<ProducerId> fresh = co_await context.services.producer_ids.Next();
  if (fresh.ok()) {
    response.producer_id = *fresh;
    response.producer_epoch = ProducerEpoch(0);
  } else {
    spdlog::error("no producer id could be given out: {}", fresh.status().ToString());
    response.error_code = ErrorCode::kCoordinatorNotAvailable;
  }
  Answer(context, slot, response);
}

}  // namespace millrace::api

// A connection's answers on their way out: turns, full sockets, records that are only on the disk.
#include <utility>

#include <fmt/format.h>

#include "broker/net/connection.h"

namespace millrace::net {

void Connection::Send() {
  if (closed_) return;
  if (waits_to_write_ || waits_for_turn_ || is_loading_) return ChargeAnswers();
  size_t unsent = answers_.unsent_bytes();
  const size_t turn = answers_.has_files() ? environment_.turns.Bytes(SteadyNowNs()) : 0;
  switch (answers_.Send(socket_.native_handle(), turn)) {
    case AnswerQueue::SendResult::kDone:
      is_sending_ = false;
      if (environment_.buffers.memory().is_short()) answers_.ReleaseSpare();
      break;
    case AnswerQueue::SendResult::kFailed:
      return Close(CloseReason::kPeer);
    case AnswerQueue::SendResult::kCold:
      is_sending_ = false;
      LoadCold();
      break;
    case AnswerQueue::SendResult::kTurnOver:
      is_sending_ = false;
      WaitForTurn();
      break;
    case AnswerQueue::SendResult::kBlocked:
      WaitForSocket(unsent - answers_.unsent_bytes());
  }
  ChargeAnswers();
  progress_.Notify();
}

// Those whose sockets are ready come first.
void Connection::WaitForTurn() {
  waits_for_turn_ = true;
  environment_.shard.Post([self = shared_from_this()] {
    self->waits_for_turn_ = false;
    self->Send();
  });
}

void Connection::WaitForSocket(size_t sent_bytes) {
  if (!is_sending_) {
    sending_.Start(SteadyNow());
  } else {
    sending_.OnBytes(SteadyNow(), sent_bytes);
  }
  is_sending_ = true;
  waits_to_write_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_write, [self = shared_from_this()](IoError) {
    self->waits_to_write_ = false;
    self->Send();
  });
}

// An answer that has begun cannot become an error any more.
void Connection::LoadCold() {
  is_loading_ = true;
  FilePart part = answers_.Cold();
  auto load = [part] {
    return part.source->Load(part.keep_open.get(), part.offset, static_cast<int64_t>(part.size));
  };
  environment_.loads.Submit(environment_.shard, &peer_, std::move(load),
                            [self = shared_from_this()](const absl::Status& status) {
                              self->is_loading_ = false;
                              if (self->closed_) return;
                              self->OnLoaded(status);
                            });
}

void Connection::OnLoaded(const absl::Status& status) {
  if (status.ok()) {
    answers_.OnLoaded();
    return Send();
  }
  environment_.loads.Count({.errors = 1});
  if (environment_.log.Allows(ClientLog::Kind::kClosed)) {
    environment_.log.Warn(
        fmt::format("{}: the rest of an answer cannot be read from the disk: {}; "
                    "the connection is closed",
                    peer_.address, status.ToString()));
  }
  Close(CloseReason::kPeer);
}

void Connection::ChargeAnswers() {
  size_t memory = answers_.memory_bytes();
  if (memory > answer_memory_) {
    environment_.buffers.memory().Charge(memory - answer_memory_);
  } else {
    environment_.buffers.memory().Release(answer_memory_ - memory);
  }
  answer_memory_ = memory;
}

}  // namespace millrace::net

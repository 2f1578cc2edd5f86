#include "broker/net/connection.h"

#include <algorithm>
#include <cstring>
#include <errno.h>
#include <sys/socket.h>
#include <utility>

#include <spdlog/spdlog.h>

#include "broker/runtime/printable.h"

namespace millrace::net {

namespace {

constexpr size_t kLengthBytes = 4;

int64_t FrameLength(std::span<const std::byte> bytes) {
  uint32_t raw = 0;
  std::memcpy(&raw, bytes.data(), sizeof(raw));
  return static_cast<int32_t>(__builtin_bswap32(raw));
}

}  // namespace

Connection::Connection(Environment environment, asio::ip::tcp::socket socket, Peer peer)
    : environment_(environment),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      in_(environment.buffers),
      progress_(environment.shard),
      last_request_(SteadyNow()) {
  if (environment_.limits.idle_ms_max >= 0) {
    environment_.shard.timers().Arm(*this, last_request_ + environment_.limits.idle_ms_max);
  }
}

Connection::~Connection() = default;

awaitable<void> Connection::Serve() {
  auto self = shared_from_this();
  while (!closed_ && !draining_) {
    bool received = co_await Receive();
    if (!received) break;
    in_pass_ = true;
    bool well_formed = co_await HandleFrames();
    in_pass_ = false;
    Send();
    if (!well_formed) break;
    if (!HasRoom()) co_await WaitForRoom();
  }
  if (draining_) co_await WaitForAnswers();
  Close();
}

// Waits for bytes and takes as many as there is room for. False: no more will come.
awaitable<bool> Connection::Receive() {
  for (;;) {
    if (drained_socket_) {
      in_.ReleaseIfEmpty();
      auto [error] = co_await socket_.async_wait(asio::ip::tcp::socket::wait_read, kAwait);
      if (error || closed_ || draining_) co_return false;
    }
    std::span<std::byte> room = in_.Room();
    ssize_t count = ::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
    if (count > 0) {
      drained_socket_ = static_cast<size_t>(count) < room.size();
      in_.Received(static_cast<size_t>(count));
      co_return true;
    }
    if (count == 0) co_return false;
    if (errno != EAGAIN && errno != EINTR) co_return false;
    drained_socket_ = errno == EAGAIN;
  }
}

// False: the connection must close.
awaitable<bool> Connection::HandleFrames() {
  while (!closed_ && !draining_) {
    std::span<std::byte> bytes = in_.unread();
    if (bytes.size() < kLengthBytes) break;
    int64_t length = FrameLength(bytes);
    if (length < 0 || static_cast<size_t>(length) > environment_.limits.frame_bytes_max) {
      Abort(length < 0 ? "a frame with a negative length" : "a frame larger than the limit");
      co_return false;
    }
    size_t whole = kLengthBytes + static_cast<size_t>(length);
    if (bytes.size() < whole) {
      in_.ExpectFrame(whole);
      break;
    }
    last_request_ = SteadyNow();
    AnswerSlot slot(shared_from_this(), answers_.Open());
    co_await environment_.handler.Handle(bytes.subspan(kLengthBytes, whole - kLengthBytes),
                                         std::move(slot), peer_);
    in_.Consume(whole);
    if (HasRoom()) continue;
    in_pass_ = false;
    Send();
    co_await WaitForRoom();
    in_pass_ = true;
  }
  co_return !closed_;
}

bool Connection::HasRoom() const {
  return answers_.open_slots() < environment_.limits.open_requests_max &&
         answers_.unsent_bytes() < environment_.limits.unsent_bytes_max;
}

awaitable<void> Connection::WaitForRoom() {
  while (!closed_ && !HasRoom()) co_await progress_.Wait();
}

awaitable<void> Connection::WaitForAnswers() {
  while (!closed_ && (answers_.open_slots() > 0 || answers_.unsent_bytes() > 0)) {
    co_await progress_.Wait();
  }
}

wire::ByteBuffer& Connection::BufferFor(uint64_t sequence) {
  if (!closed_) return answers_.BufferFor(sequence);
  discarded_.Clear();
  return discarded_;
}

void Connection::Fill(uint64_t sequence, std::span<FilePart> files) {
  if (closed_) return;
  answers_.Fill(sequence, files);
  AfterAnswer();
}

void Connection::Skip(uint64_t sequence) {
  if (closed_) return;
  answers_.Skip(sequence);
  AfterAnswer();
}

void Connection::AfterAnswer() {
  if (!in_pass_) Send();
}

void Connection::Abort(std::string_view reason) {
  if (closed_) return;
  spdlog::warn("connection from {} closed: {}", peer_.address, Printable(reason));
  Send();
  Close();
}

void Connection::Send() {
  if (closed_ || waits_to_write_) return;
  switch (answers_.Send(socket_.native_handle())) {
    case AnswerQueue::SendResult::kDone:
      break;
    case AnswerQueue::SendResult::kFailed:
      return Close();
    case AnswerQueue::SendResult::kBlocked:
      waits_to_write_ = true;
      socket_.async_wait(asio::ip::tcp::socket::wait_write, [self = shared_from_this()](IoError) {
        self->waits_to_write_ = false;
        self->Send();
      });
  }
  progress_.Notify();
}

void Connection::Drain() {
  draining_ = true;
  IoError ignored;
  socket_.cancel(ignored);
}

void Connection::Close() {
  if (closed_) return;
  closed_ = true;
  Cancel();
  IoError ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  progress_.Notify();
}

// The idle limit is checked when its time has come, not moved with every request.
void Connection::OnTimer() {
  MonotonicMs deadline = last_request_ + environment_.limits.idle_ms_max;
  bool is_idle = answers_.open_slots() == 0 && SteadyNow() >= deadline;
  if (is_idle) return Close();
  MonotonicMs next = std::max(deadline, SteadyNow() + 1000);
  environment_.shard.timers().Arm(*this, next);
}

}  // namespace millrace::net

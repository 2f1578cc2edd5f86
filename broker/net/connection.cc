#include "broker/net/connection.h"

#include <algorithm>
#include <cstring>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <utility>

#include <fmt/format.h>

#include "broker/runtime/printable.h"
#include "proto/wire/api_key.h"

namespace millrace::net {

namespace {

constexpr size_t kLengthBytes = 4;
constexpr auto kFetchApi = static_cast<size_t>(wire::ApiKey::kFetch);
// What a connection takes that does nothing: measured, rounded up.
constexpr size_t kConnectionBytes = 4 << 10;
// So many requests and bytes of one connection are handled, and for so long, before others get
// their turn.
constexpr size_t kRequestsInATurn = 256;
constexpr size_t kBytesInATurn = 1 << 20;
constexpr int64_t kTurnNs = 2'000'000;
// While memory is short, those who hold no more than this in answers go on.
constexpr size_t kFairShareBytes = 64 << 10;
// A connection that is not read is asked this often whether its client is still there.
constexpr int64_t kLookMs = 10'000;
// How long anybody waits for memory, and for answers to be read while it is short.
constexpr int64_t kPatienceMs = 60'000;
constexpr int64_t kNsInMs = 1'000'000;

int64_t FrameLength(std::span<const std::byte> bytes) {
  uint32_t raw = 0;
  std::memcpy(&raw, bytes.data(), sizeof(raw));
  return static_cast<int32_t>(__builtin_bswap32(raw));
}

// The first field of every request; frames too short for it are refused by whoever handles them.
size_t ApiIndexOf(std::span<const std::byte> frame) {
  uint16_t raw = UINT16_MAX;
  if (frame.size() >= sizeof(raw)) std::memcpy(&raw, frame.data(), sizeof(raw));
  return Metrics::ApiIndex(static_cast<int16_t>(__builtin_bswap16(raw)));
}

CloseReason ReasonOf(AbortKind kind) {
  switch (kind) {
    case AbortKind::kTooLarge:
      return CloseReason::kTooLarge;
    case AbortKind::kMalformed:
    case AbortKind::kDropped:
      return CloseReason::kMalformed;
    case AbortKind::kUnsupported:
      return CloseReason::kUnsupported;
    case AbortKind::kRefused:
      break;
  }
  return CloseReason::kRefused;
}

}  // namespace

Connection::Connection(Environment environment, asio::ip::tcp::socket socket, Peer peer)
    : environment_(environment),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      own_memory_(environment.buffers.memory(), kConnectionBytes),
      in_(environment.buffers),
      progress_(environment.shard),
      last_request_(SteadyNow()),
      frame_(environment.limits.frame_ms_max < 0 ? kPatienceMs : environment.limits.frame_ms_max),
      sending_(kPatienceMs) {
  ++environment_.metrics.accepted;
  ++environment_.metrics.open;
  if (environment_.limits.idle_ms_max >= 0) {
    ArmTimer(last_request_ + environment_.limits.idle_ms_max);
  }
}

Connection::~Connection() = default;

// One coroutine for all of it: a request that needs no other costs no frame of its own.
awaitable<void> Connection::Serve() {
  auto self = shared_from_this();
  while (!closed_ && !draining_) {
    if (drained_socket_) {
      BeginToWait();
      auto [error] = co_await socket_.async_wait(asio::ip::tcp::socket::wait_read, kAwait);
      waits_to_read_ = false;
      turn_ = {};
      if (error || closed_ || draining_) break;
    }
    Received received = Receive();
    if (received == Received::kEnd) break;
    if (received == Received::kNoMemory) co_await WaitForMemory();
    if (received == Received::kNoPlace) co_await WaitForPlace();
    if (received != Received::kBytes) continue;
    BeginPass();
    awaitable<void> rest;
    Pass pass = HandleFrames(rest);
    while (pass == Pass::kAwait || pass == Pass::kPause) {
      if (pass == Pass::kAwait) {
        co_await std::move(rest);
        pass = FinishFrame();
      }
      if (pass == Pass::kPause) co_await Pause();
      pass = HandleFrames(rest);
    }
    in_pass_ = false;
    Send();
    if (pass == Pass::kBroken) break;
    if (place_.has_value() && environment_.large_frames.has_waiters()) LeavePlace();
    if (!HasRoom()) co_await WaitForRoom();
  }
  if (draining_) co_await WaitForAnswers();
  Close(draining_ ? CloseReason::kStopping : CloseReason::kPeer);
}

// Takes as many bytes as there is room for.
Connection::Received Connection::Receive() {
  // Without either, the socket has not been asked, and is later.
  drained_socket_ = false;
  if (!place_.has_value() && in_.WantsLarge()) {
    place_ = environment_.large_frames.TryEnter(SteadyNow());
    if (!place_.has_value()) return Received::kNoPlace;
  }
  std::span<std::byte> room = in_.Room();
  if (room.empty()) return Received::kNoMemory;
  waits_for_memory_.reset();
  ssize_t count = ::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
  if (count > 0) {
    drained_socket_ = static_cast<size_t>(count) < room.size();
    in_.Received(static_cast<size_t>(count));
    return Received::kBytes;
  }
  if (count == 0 || (errno != EAGAIN && errno != EINTR)) return Received::kEnd;
  drained_socket_ = errno == EAGAIN;
  return Received::kNothing;
}

void Connection::BeginToWait() {
  LeavePlace();
  if (in_.capacity() > 0) WatchFrame();
  waits_to_read_ = true;
}

// Part of a frame is there, and the peer has sent nothing more.
void Connection::WatchFrame() {
  size_t bytes = in_.unread().size();
  MonotonicMs now = SteadyNow();
  if (frame_bytes_ == 0) {
    frame_.Start(now);
  } else {
    frame_.OnBytes(now, bytes - std::min(bytes, frame_bytes_));
  }
  frame_bytes_ = bytes;
  if (environment_.limits.frame_ms_max >= 0) ArmTimer(frame_.deadline());
  if (environment_.buffers.memory().is_short()) {
    in_.Compact();
    environment_.relief.Start();
  }
}

void Connection::BeginPass() {
  in_pass_ = true;
  now_ = SteadyNowNs();
  if (turn_.requests == 0) turn_.began = now_;
}

// Handles the frames that are there.
Connection::Pass Connection::HandleFrames(awaitable<void>& rest) {
  while (!closed_ && !draining_) {
    std::span<std::byte> bytes = in_.unread();
    if (bytes.size() < kLengthBytes) return Pass::kDone;
    int64_t length = FrameLength(bytes);
    if (length < 0) {
      Abort({AbortKind::kMalformed, fmt::format("a frame of {} bytes", length)});
      return Pass::kBroken;
    }
    if (static_cast<size_t>(length) > environment_.limits.frame_bytes_max) {
      Abort({AbortKind::kTooLarge, fmt::format("a frame of {} bytes, more than the limit of {}",
                                               length, environment_.limits.frame_bytes_max)});
      return Pass::kBroken;
    }
    size_t whole = kLengthBytes + static_cast<size_t>(length);
    if (bytes.size() < whole) {
      in_.ExpectFrame(whole);
      return Pass::kDone;
    }
    rest = StartFrame(bytes.first(whole));
    if (rest.valid()) return Pass::kAwait;
    if (FinishFrame() == Pass::kPause) return Pass::kPause;
  }
  return closed_ ? Pass::kBroken : Pass::kDone;
}

awaitable<void> Connection::StartFrame(std::span<std::byte> whole) {
  handled_bytes_ = whole.size();
  frame_bytes_ = 0;
  last_request_ = MonotonicMs(now_.value() / kNsInMs);
  std::span<std::byte> frame = whole.subspan(kLengthBytes);
  AnswerQueue::Origin origin{ApiIndexOf(frame), now_};
  ApiMetrics& api = environment_.metrics.apis[origin.api];
  ++api.requests;
  if (origin.api != kFetchApi) environment_.turns.OnRequest(now_);
  api.request_bytes += whole.size();
  AnswerSlot slot(shared_from_this(), answers_.Open(origin));
  in_handler_ = true;
  return environment_.handler.Handle(frame, std::move(slot), peer_);
}

Connection::Pass Connection::FinishFrame() {
  in_handler_ = false;
  in_.Consume(handled_bytes_);
  turn_.bytes += handled_bytes_;
  ++turn_.requests;
  return IsTurnOver() || !HasRoom() ? Pass::kPause : Pass::kDone;
}

// Between two requests of a pass: others come first, or there is no room for another answer.
awaitable<void> Connection::Pause() {
  bool is_others_turn = IsTurnOver();
  in_pass_ = false;
  Send();
  if (is_others_turn) co_await asio::post(environment_.shard.context(), kAwait);
  co_await WaitForRoom();
  if (is_others_turn) turn_ = {};
  BeginPass();
}

bool Connection::IsTurnOver() const {
  return turn_.requests >= kRequestsInATurn || turn_.bytes >= kBytesInATurn ||
         now_ - turn_.began >= kTurnNs;
}

bool Connection::HasRoom() const {
  return answers_.open_slots() < environment_.limits.open_requests_max &&
         answers_.pending_bytes() < environment_.limits.pending_bytes_max && HasMemory();
}

// Those who have nothing open may always try: Room has the last word.
bool Connection::HasMemory() const {
  const ShardMemory& memory = environment_.buffers.memory();
  if (!memory.is_short()) return true;
  if (answers_.memory_bytes() > kFairShareBytes) return false;
  return !memory.is_exhausted() || (answers_.open_slots() == 0 && answers_.unsent_bytes() == 0);
}

awaitable<void> Connection::WaitForRoom() {
  if (!HasRoom()) LeavePlace();
  while (!closed_ && !draining_ && !HasRoom()) {
    if (!HasMemory()) environment_.relief.Await(*this, 0);
    ArmTimer(SteadyNow() + kLookMs);
    co_await progress_.Wait();
  }
  environment_.relief.Forget(*this);
}

// Once: the buffer is asked again then. What the peer did not send meanwhile is not its fault.
awaitable<void> Connection::WaitForMemory() {
  environment_.relief.Await(*this, in_.wanted_bytes());
  frame_bytes_ = 0;
  if (!waits_for_memory_.has_value()) waits_for_memory_ = SteadyNow();
  ArmTimer(*waits_for_memory_ + kPatienceMs);
  co_await progress_.Wait();
}

// As with memory, what the peer does not send meanwhile is not its fault.
awaitable<void> Connection::WaitForPlace() {
  environment_.large_frames.Await(*this, SteadyNow());
  frame_bytes_ = 0;
  waits_for_memory_.reset();
  while (!closed_ && !draining_ && !place_.has_value()) co_await progress_.Wait();
  environment_.large_frames.Forget(*this);
}

void Connection::OnPlace(LargeFrames::Place place) {
  place_ = place;
  progress_.Notify();
}

// When what it was for has been handled.
void Connection::LeavePlace() {
  in_.Settle();
  if (!place_.has_value()) return;
  if (environment_.large_frames.has_waiters()) in_.LeaveLarge();
  if (in_.is_large()) return;
  environment_.large_frames.Leave(*std::exchange(place_, std::nullopt), SteadyNow());
}

awaitable<void> Connection::WaitForAnswers() {
  while (!closed_ && (answers_.open_slots() > 0 || answers_.unsent_bytes() > 0)) {
    co_await progress_.Wait();
  }
}

wire::ByteBuffer& Connection::BufferFor(uint64_t sequence) {
  if (!closed_) return answers_.BufferFor(sequence);
  discarded_ = wire::ByteBuffer();
  return discarded_;
}

void Connection::Fill(uint64_t sequence, std::span<FilePart> files) {
  if (closed_) {
    discarded_ = wire::ByteBuffer();
    return;
  }
  AnswerQueue::Origin origin = answers_.OriginOf(sequence);
  ApiMetrics& api = environment_.metrics.apis[origin.api];
  api.response_bytes += answers_.Fill(sequence, files);
  now_ = SteadyNowNs();
  api.latency.Add(now_ - origin.began);
  AfterAnswer();
}

void Connection::Skip(uint64_t sequence) {
  if (closed_) return;
  answers_.Skip(sequence);
  AfterAnswer();
}

void Connection::NoteError(uint64_t sequence, int16_t error_code) {
  if (closed_) return;
  ++environment_.metrics.errors[{answers_.OriginOf(sequence).api, error_code}];
}

bool Connection::Watch(uint64_t sequence, AnswerWatcher& watcher) {
  if (closed_) return false;
  answers_.Watch(sequence, watcher);
  return true;
}

void Connection::AfterAnswer() {
  if (!in_pass_) Send();
}

void Connection::Abort(const Fault& fault) {
  if (closed_) return;
  if (environment_.log.Allows(ClientLog::Kind::kClosed)) {
    std::string client;
    if (fault.client_id.has_value()) {
      client = fmt::format(" (client '{}')", Printable(*fault.client_id));
    }
    environment_.log.Warn(fmt::format("{}{}: {}; the connection is closed", peer_.address, client,
                                      Printable(fault.what)));
  }
  Send();
  Close(ReasonOf(fault.kind));
}

void Connection::Drain() {
  draining_ = true;
  IoError ignored;
  socket_.cancel(ignored);
  progress_.Notify();
}

void Connection::Close(CloseReason reason) {
  if (closed_) return;
  closed_ = true;
  --environment_.metrics.open;
  ++environment_.metrics.closed[static_cast<size_t>(reason)];
  Cancel();
  environment_.relief.Forget(*this);
  environment_.large_frames.Forget(*this);
  if (place_.has_value())
    environment_.large_frames.Leave(*std::exchange(place_, std::nullopt), SteadyNow());
  answers_.Close();
  ChargeAnswers();
  own_memory_ = {};
  if (!in_handler_) in_.Discard();
  IoError ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  progress_.Notify();
}

std::optional<MonotonicMs> Connection::stalled_since() const {
  std::optional<MonotonicMs> since;
  if (waits_to_read_ && frame_bytes_ > 0) since = frame_.stalled_since();
  if (waits_to_write_) {
    since = std::min(since.value_or(sending_.stalled_since()), sending_.stalled_since());
  }
  return since;
}

void Connection::ReleaseSpare() {
  if (waits_to_read_) in_.Compact();
  answers_.ReleaseSpare();
  ChargeAnswers();
}

void Connection::GiveUp(CloseReason reason) {
  if (closed_) return;
  if (environment_.log.Allows(ClientLog::Kind::kClosed)) {
    std::string_view why = reason == CloseReason::kHalfFrame
                               ? "the rest of a frame did not come in time"
                               : "it held memory, which is short, and did not go on";
    environment_.log.Warn(fmt::format("{}: {}; the connection is closed", peer_.address, why));
  }
  Close(reason);
}

// A client that has closed its side shows only when its socket is read, or asked.
bool Connection::PeerHasLeft() {
  tcp_info info{};
  socklen_t size = sizeof(info);
  int status = ::getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size);
  return status == 0 && (info.tcpi_state == TCP_CLOSE_WAIT || info.tcpi_state == TCP_CLOSE);
}

// The timer is armed for the next moment at which something may be over, and not moved when that
// is put off.
void Connection::ArmTimer(MonotonicMs deadline) {
  if (is_armed() && timer_due_ <= deadline) return;
  timer_due_ = deadline;
  environment_.shard.timers().Arm(*this, deadline);
}

void Connection::OnTimer() {
  const ConnectionLimits& limits = environment_.limits;
  MonotonicMs now = SteadyNow();
  bool waits_for_frame = waits_to_read_ && frame_bytes_ > 0 && limits.frame_ms_max >= 0;
  if (waits_for_frame && now >= frame_.deadline()) return GiveUp(CloseReason::kHalfFrame);
  if (waits_for_frame) ArmTimer(frame_.deadline());
  if (!HasRoom() && !in_pass_) {
    MonotonicMs last_answer(now_.value() / kNsInMs);
    if (now >= last_answer + kLookMs && PeerHasLeft()) return Close(CloseReason::kPeer);
    ArmTimer(now + kLookMs);
  }
  if (waits_for_memory_.has_value()) {
    if (now >= *waits_for_memory_ + kPatienceMs) return GiveUp(CloseReason::kMemory);
    ArmTimer(*waits_for_memory_ + kPatienceMs);
  }
  if (limits.idle_ms_max < 0) return;
  MonotonicMs deadline = last_request_ + limits.idle_ms_max;
  if (answers_.open_slots() == 0 && now >= deadline) return Close(CloseReason::kIdle);
  ArmTimer(std::max(deadline, now + 1000));
}

}  // namespace millrace::net

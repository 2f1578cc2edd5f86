#include "broker/net/answer_queue.h"

#include <algorithm>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

#include "proto/invariant.h"

namespace millrace::net {

namespace {

// Memory that a burst of large answers took is given back.
constexpr size_t kKeptBytesMax = 256 << 10;
constexpr size_t kLittleBytes = 1 << 10;

template <class T>
void Push(boost::circular_buffer<T>& queue, T element) {
  if (queue.full()) queue.set_capacity(std::max<size_t>(4, queue.capacity() * 2));
  queue.push_back(std::move(element));
}
constexpr size_t kPieceBytes = 1 << 20;
// A copy of so few bytes costs less than the calls it saves: with it an answer leaves in one.
constexpr size_t kSmallPartBytes = 16 << 10;
constexpr size_t kTakenInBytesMax = 64 << 10;

// How much of a part one load brings, or one question covers.
size_t PieceOf(const FilePart& part) { return std::min(part.size, kPieceBytes); }

bool IsCold(const FilePart& part, size_t bytes) {
  if (part.source == nullptr) return false;
  if (part.offset + static_cast<int64_t>(bytes) <= part.resident_end) return false;
  return !part.source->IsResident(part.keep_open.get(), part.offset, static_cast<int64_t>(bytes));
}

// Without waiting for the disk. False: not all of it is in memory, or it cannot be said.
bool ReadNow(int descriptor, int64_t offset, std::byte* out, size_t size) {
  const iovec target{.iov_base = out, .iov_len = size};
  return ::preadv2(descriptor, &target, 1, offset, RWF_NOWAIT) == static_cast<ssize_t>(size);
}

// So that the bytes behind a file's leave with its last ones, not as a packet of their own. What is
// no TCP socket has no packets.
class Cork {
 public:
  explicit Cork(int socket) : socket_(socket) {}
  Cork(const Cork&) = delete;
  Cork& operator=(const Cork&) = delete;
  ~Cork() {
    if (is_in_) Set(0);
  }
  void PutIn() {
    if (!is_in_) Set(1);
    is_in_ = true;
  }

 private:
  void Set(int value) { ::setsockopt(socket_, IPPROTO_TCP, TCP_CORK, &value, sizeof(value)); }

  int socket_;
  bool is_in_ = false;
};

}  // namespace

uint64_t AnswerQueue::Open(Origin origin) {
  Push(slots_, Slot{.origin = origin});
  return first_ + slots_.size() - 1;
}

wire::ByteBuffer& AnswerQueue::BufferFor(uint64_t sequence) {
  if (sequence != first_) return SlotOf(sequence).bytes;
  head_start_ = out_.size();
  return out_;
}

void AnswerQueue::AddFiles(size_t base, std::span<FilePart> files) {
  for (FilePart& part : files) {
    if (part.size == 0) continue;
    file_bytes_ += part.size;
    part.position += base;
    if (is_behind_) part.resident_end = 0;
    Push(files_, std::move(part));
  }
}

size_t AnswerQueue::Fill(uint64_t sequence, std::span<FilePart> files) {
  size_t bytes = 0;
  for (const FilePart& part : files) bytes += part.size;
  Slot& slot = SlotOf(sequence);
  slot.watcher = nullptr;
  if (sequence != first_) {
    bytes += slot.bytes.size();
    slot.is_ready = true;
    slot.files.assign(std::make_move_iterator(files.begin()), std::make_move_iterator(files.end()));
    behind_bytes_ += bytes;
    behind_memory_ += slot.bytes.capacity();
    return bytes;
  }
  bytes += out_.size() - head_start_;
  AddFiles(head_start_, files);
  slots_.pop_front();
  ++first_;
  MoveReadySlots();
  return bytes;
}

void AnswerQueue::Skip(uint64_t sequence) {
  if (sequence != first_) {
    SlotOf(sequence).is_ready = true;
    SlotOf(sequence).watcher = nullptr;
    return;
  }
  slots_.pop_front();
  ++first_;
  MoveReadySlots();
}

void AnswerQueue::MoveReadySlots() {
  while (!slots_.empty() && slots_.front().is_ready) {
    Slot& slot = slots_.front();
    size_t base = out_.size();
    out_.Append(slot.bytes.bytes());
    behind_bytes_ -= slot.bytes.size();
    behind_memory_ -= slot.bytes.capacity();
    for (FilePart& part : slot.files) {
      behind_bytes_ -= part.size;
      part.resident_end = 0;  // it has waited for the answers before it
    }
    AddFiles(base, slot.files);
    slots_.pop_front();
    ++first_;
  }
}

void AnswerQueue::ReleaseSpare() {
  if (out_.empty() && out_.capacity() > kLittleBytes) out_ = wire::ByteBuffer();
  if (slots_.empty()) slots_.set_capacity(0);
  if (files_.empty()) files_.set_capacity(0);
}

void AnswerQueue::AnswerWaiting() {
  for (Slot& slot : slots_) {
    if (slot.watcher != nullptr) slot.watcher->OnMemoryShort();
  }
}

void AnswerQueue::Close() {
  boost::circular_buffer<Slot> slots;
  slots.swap(slots_);
  for (Slot& slot : slots) {
    if (slot.watcher != nullptr) slot.watcher->OnClosed();
  }
  out_ = wire::ByteBuffer();
  files_.clear();
  files_.set_capacity(0);
  sent_ = file_bytes_ = behind_bytes_ = behind_memory_ = 0;
}

AnswerQueue::SendResult AnswerQueue::Send(int socket, size_t turn_bytes) {
  Cork cork(socket);
  while (sent_ < out_.size() || !files_.empty()) {
    SendResult result;
    turn_bytes -= TakeInSmallParts(turn_bytes);
    if (!files_.empty()) cork.PutIn();
    if (!files_.empty() && files_.front().position == sent_) {
      FilePart& part = files_.front();
      result = SendFilePart(socket, part, turn_bytes);
      if (result == SendResult::kDone) files_.pop_front();
    } else {
      size_t end = files_.empty() ? out_.size() : files_.front().position;
      INVARIANT(end > sent_);
      result = SendBytes(socket, end, !files_.empty());
    }
    if (result == SendResult::kTurnOver) {
      DropSent();
      ForgetResidence();
      return result;
    }
    if (result != SendResult::kDone) {
      OnHeldUp();
      return result;
    }
  }
  is_behind_ = false;
  out_.Clear();
  sent_ = 0;
  if (out_.capacity() > kKeptBytesMax) out_ = wire::ByteBuffer();
  return SendResult::kDone;
}

// Records that are few are sent with what stands around them: one call instead of three, and one
// packet instead of two.
size_t AnswerQueue::TakeInSmallParts(size_t bytes_max) {
  size_t taken = 0;
  while (!files_.empty()) {
    const FilePart& part = files_.front();
    if (part.size > std::min(kSmallPartBytes, bytes_max - taken)) break;
    // What a slow peer has not taken stays in its file, as do parts with very many others around.
    if (out_.size() - sent_ + part.size > kTakenInBytesMax || IsCold(part, part.size)) break;
    const size_t position = part.position + taken;
    std::byte* at = out_.Insert(position, part.size);
    if (!ReadNow(part.descriptor, part.offset, at, part.size)) {
      out_.Erase(position, part.size);
      break;
    }
    taken += part.size;
    files_.pop_front();
  }
  if (taken == 0) return 0;
  file_bytes_ -= taken;
  for (FilePart& part : files_) part.position += taken;
  return taken;
}

// A peer may take its time, and so may others in their turns: until then, pages may leave the
// memory.
void AnswerQueue::ForgetResidence() {
  for (FilePart& part : files_) part.resident_end = 0;
}

void AnswerQueue::OnHeldUp() {
  DropSent();
  is_behind_ = true;
  ForgetResidence();
}

FilePart AnswerQueue::Cold() const {
  FilePart part = files_.front();
  part.size = PieceOf(part);
  return part;
}

void AnswerQueue::OnLoaded() {
  if (files_.empty()) return;
  FilePart& part = files_.front();
  part.resident_end = part.offset + static_cast<int64_t>(PieceOf(part));
}

// A peer that reads steadily may never have everything: what it has got must not stay.
void AnswerQueue::DropSent() {
  if (sent_ < kKeptBytesMax || sent_ < out_.size() / 2) return;
  out_.DropFront(sent_);
  for (FilePart& part : files_) part.position -= sent_;
  sent_ = 0;
}

AnswerQueue::SendResult AnswerQueue::SendBytes(int socket, size_t end, bool more) {
  while (sent_ < end) {
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
    ssize_t count = ::send(socket, out_.data() + sent_, end - sent_, flags);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN ? SendResult::kBlocked : SendResult::kFailed;
    sent_ += static_cast<size_t>(count);
  }
  return SendResult::kDone;
}

AnswerQueue::SendResult AnswerQueue::SendFilePart(int socket, FilePart& part, size_t& turn_left) {
  while (part.size > 0) {
    if (turn_left == 0) return SendResult::kTurnOver;
    const size_t piece = std::min(PieceOf(part), turn_left);
    if (IsCold(part, piece)) return SendResult::kCold;
    off_t offset = part.offset;
    ssize_t count = ::sendfile(socket, part.descriptor, &offset, piece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN ? SendResult::kBlocked : SendResult::kFailed;
    if (count == 0) return SendResult::kFailed;
    part.offset += count;
    part.size -= static_cast<size_t>(count);
    file_bytes_ -= static_cast<size_t>(count);
    turn_left -= static_cast<size_t>(count);
  }
  return SendResult::kDone;
}

}  // namespace millrace::net

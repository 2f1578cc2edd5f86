#include "tools/bench/frame_receiver.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

#include "proto/wire/frame.h"
#include "tools/bench/socket.h"

namespace millrace::bench {

namespace {

constexpr size_t kSmallestRead = 16 << 10;
constexpr size_t kFrameBytesMax = size_t{1} << 30;

}  // namespace

uint64_t FrameReceiver::NextFrameBytes() const {
  if (end_ - begin_ < wire::kFrameLengthBytes) return 0;
  uint32_t raw = 0;
  std::memcpy(&raw, &buffer_[begin_], sizeof(raw));
  return wire::kFrameLengthBytes + uint64_t{__builtin_bswap32(raw)};
}

void FrameReceiver::MakeRoom() {
  if (begin_ == end_) begin_ = end_ = 0;
  uint64_t frame_bytes = NextFrameBytes();
  if (begin_ + frame_bytes <= capacity_ && capacity_ - end_ >= kSmallestRead / 4) return;
  size_t capacity = std::max<size_t>(capacity_, frame_bytes + kSmallestRead);
  if (capacity == capacity_) {
    std::memmove(&buffer_[0], &buffer_[begin_], end_ - begin_);
  } else {
    auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (end_ > begin_) std::memcpy(&larger[0], &buffer_[begin_], end_ - begin_);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  }
  end_ -= begin_;
  begin_ = 0;
}

absl::StatusOr<bool> FrameReceiver::Read(int descriptor) {
  MakeRoom();
  size_t room = capacity_ - end_;
  ssize_t got = ::recv(descriptor, &buffer_[end_], room, 0);
  if (got == 0) return absl::UnavailableError("the broker closed a connection");
  if (got < 0 && errno == EAGAIN) return false;
  if (got < 0 && errno == EINTR) return true;
  if (got < 0) return SystemError("a connection was lost");
  end_ += static_cast<size_t>(got);
  if (NextFrameBytes() > kFrameBytesMax) return absl::DataLossError("this is no Kafka broker");
  return static_cast<size_t>(got) == room;
}

std::optional<wire::Bytes> FrameReceiver::Next() {
  uint64_t size = NextFrameBytes();
  if (size == 0 || end_ - begin_ < size) return std::nullopt;
  wire::Bytes frame(&buffer_[begin_ + wire::kFrameLengthBytes], size - wire::kFrameLengthBytes);
  begin_ += size;
  return frame;
}

}  // namespace millrace::bench

#include "bench/system/null_connection.h"

#include <algorithm>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <isa-l/crc.h>

#include "bench/system/fatal.h"
#include "bench/system/frame_writer.h"

namespace millrace::bench {
namespace {

constexpr int16_t kProduce = 0;
constexpr int16_t kFetch = 1;
// The tags that follow the records in a fetch answer: three zeros, which the file's zeros provide.
constexpr int64_t kFetchTailBytes = 3;
constexpr size_t kSmallestRead = 16 << 10;
constexpr size_t kCrcPosition = 17;
constexpr size_t kCrcStart = 21;

// Behind the request header of version 2: size, key, version, correlation id, client id, tags.
FrameReader SkipHeader(std::span<const uint8_t> frame) {
  FrameReader in(frame);
  in.Skip(4 + 2 + 2 + 4);
  in.SkipText();
  in.Skip(1);
  return in;
}

std::vector<uint8_t> ProduceAnswer(std::span<const uint8_t> topic, int32_t partition) {
  FrameWriter out;
  out.Integer<int32_t>(0);  // size
  out.Integer<int32_t>(0);  // correlation id
  out.NoTags();
  out.CompactCount(1);
  out.CompactCount(topic.size());
  out.Raw(topic);
  out.CompactCount(1);
  out.Integer<int32_t>(partition);
  out.Integer<int16_t>(0);   // error
  out.Integer<int64_t>(0);   // base offset
  out.Integer<int64_t>(-1);  // log append time
  out.Integer<int64_t>(0);   // log start offset
  out.CompactCount(0);       // record errors
  out.UnsignedVarint(0);     // no message
  out.NoTags();
  out.NoTags();
  out.Integer<int32_t>(0);  // throttle time
  out.NoTags();
  out.EndFrame();
  return std::move(out.bytes());
}

std::vector<uint8_t> FetchHead(int32_t correlation_id, std::span<const uint8_t> topic,
                               int32_t records_bytes) {
  FrameWriter out;
  out.Integer<int32_t>(0);  // size, set below: the records are not in `out`
  out.Integer<int32_t>(correlation_id);
  out.NoTags();
  out.Integer<int32_t>(0);  // throttle time
  out.Integer<int16_t>(0);  // error
  out.Integer<int32_t>(0);  // session id
  out.CompactCount(1);
  out.CompactCount(topic.size());
  out.Raw(topic);
  out.CompactCount(1);
  out.Integer<int32_t>(0);          // partition
  out.Integer<int16_t>(0);          // error
  out.Integer<int64_t>(INT64_MAX);  // high watermark: the log never ends
  out.Integer<int64_t>(INT64_MAX);  // last stable offset
  out.Integer<int64_t>(0);          // log start offset
  out.UnsignedVarint(0);            // no aborted transactions
  out.Integer<int32_t>(-1);         // preferred replica
  out.CompactCount(static_cast<size_t>(records_bytes));
  auto size =
      static_cast<int32_t>(out.size() - 4) + records_bytes + static_cast<int32_t>(kFetchTailBytes);
  StoreBigEndian<int32_t>(out.bytes().data(), size);
  return std::move(out.bytes());
}

}  // namespace

NullConnection::NullConnection(int descriptor, size_t number, size_t buffer_bytes, NullFiles& files)
    : descriptor_(descriptor),
      files_(files),
      buffer_(std::make_unique_for_overwrite<uint8_t[]>(buffer_bytes)),
      capacity_(buffer_bytes),
      slice_position_(files.fetch_size / 16 * static_cast<int64_t>(number % 16)) {}

NullConnection::~NullConnection() { ::close(descriptor_); }

// Room for the rest of the frame that has begun to arrive, or for a large read.
void NullConnection::MakeRoom() {
  if (begin_ == end_) begin_ = end_ = 0;
  size_t frame_bytes = end_ - begin_ >= 4 ? 4 + LoadBigEndian<uint32_t>(&buffer_[begin_]) : 0;
  if (begin_ + frame_bytes <= capacity_ && capacity_ - end_ >= kSmallestRead) return;
  size_t capacity = std::max(capacity_, frame_bytes + kSmallestRead);
  if (capacity == capacity_) {
    std::memmove(&buffer_[0], &buffer_[begin_], end_ - begin_);
  } else {
    auto larger = std::make_unique_for_overwrite<uint8_t[]>(capacity);
    std::memcpy(&larger[0], &buffer_[begin_], end_ - begin_);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  }
  end_ -= begin_;
  begin_ = 0;
}

bool NullConnection::Read() {
  while (slice_left_ == 0) {
    MakeRoom();
    size_t room = capacity_ - end_;
    ssize_t got = ::recv(descriptor_, &buffer_[end_], room, 0);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN;
    end_ += static_cast<size_t>(got);
    HandleFrames();
    if (static_cast<size_t>(got) < room) return true;
  }
  return true;
}

void NullConnection::HandleFrames() {
  while (end_ - begin_ >= 4 && slice_left_ == 0) {
    size_t size = 4 + LoadBigEndian<uint32_t>(&buffer_[begin_]);
    if (end_ - begin_ < size) return;
    std::span<const uint8_t> frame(&buffer_[begin_], size);
    begin_ += size;
    auto api_key = size < 8 ? int16_t{-1} : LoadBigEndian<int16_t>(frame.data() + 4);
    if (api_key == kProduce) {
      HandleProduce(frame);
    } else if (api_key == kFetch) {
      HandleFetch(frame);
    } else {
      Die("the null broker knows only Produce and Fetch");
    }
  }
}

void NullConnection::HandleProduce(std::span<const uint8_t> frame) {
  FrameReader in = SkipHeader(frame);
  in.Skip(1);  // transactional id
  wants_sync_ = in.Integer<int16_t>() == -1 || wants_sync_;
  in.Skip(4 + 1);  // timeout, topic count
  size_t topic_bytes = in.UnsignedVarint() - 1;
  size_t topic_position = in.position();
  in.Skip(topic_bytes + 1);
  auto partition = in.Integer<int32_t>();
  size_t batch_bytes = in.UnsignedVarint() - 1;
  size_t batch_position = in.position();
  if (!in.Skip(batch_bytes) || batch_bytes <= kCrcStart) Die("a Produce request of another shape");
  // ISA-L takes no const pointer, though it only reads.
  uint8_t* batch = &buffer_[begin_ - frame.size() + batch_position];
  uint32_t crc =
      ~crc32_iscsi(batch + kCrcStart, static_cast<int>(batch_bytes - kCrcStart), 0xffffffffU);
  if (crc != LoadBigEndian<uint32_t>(batch + kCrcPosition)) Die("a batch with a wrong CRC");
  if (files_.log_end + static_cast<int64_t>(batch_bytes) > files_.log_size) files_.log_end = 0;
  if (::pwrite(files_.log, batch, batch_bytes, files_.log_end) !=
      static_cast<ssize_t>(batch_bytes)) {
    DieErrno("pwrite");
  }
  files_.log_end += static_cast<int64_t>(batch_bytes);
  if (produce_answer_.empty()) {
    produce_answer_ = ProduceAnswer(frame.subspan(topic_position, topic_bytes), partition);
  }
  std::memcpy(produce_answer_.data() + 4, frame.data() + 8, 4);  // the correlation id
  out_.insert(out_.end(), produce_answer_.begin(), produce_answer_.end());
}

void NullConnection::HandleFetch(std::span<const uint8_t> frame) {
  FrameReader in = SkipHeader(frame);
  in.Skip(4 + 4 + 4 + 4 + 1 + 4 + 4 + 1);  // up to the count of topics
  size_t topic_bytes = in.UnsignedVarint() - 1;
  size_t topic_position = in.position();
  in.Skip(topic_bytes + 1 + 4 + 4 + 8 + 4 + 8);  // up to the partition's limit
  auto asked = in.Integer<int32_t>();
  if (!in.ok() || asked <= 0) Die("a Fetch request of another shape");
  slice_left_ = asked + kFetchTailBytes;
  if (slice_left_ > files_.fetch_size) Die("start the null broker with a larger --fetch-bytes");
  if (slice_position_ + slice_left_ > files_.fetch_size) slice_position_ = 0;
  std::vector<uint8_t> head = FetchHead(LoadBigEndian<int32_t>(frame.data() + 8),
                                        frame.subspan(topic_position, topic_bytes), asked);
  out_.insert(out_.end(), head.begin(), head.end());
}

bool NullConnection::Write() {
  if (wants_sync_) return true;
  while (out_sent_ < out_.size()) {
    int flags = MSG_NOSIGNAL | (slice_left_ > 0 ? MSG_MORE : 0);
    ssize_t sent = ::send(descriptor_, out_.data() + out_sent_, out_.size() - out_sent_, flags);
    if (sent < 0) return errno == EAGAIN;
    out_sent_ += static_cast<size_t>(sent);
  }
  out_.clear();
  out_sent_ = 0;
  return SendSlice();
}

bool NullConnection::SendSlice() {
  while (slice_left_ > 0) {
    off_t position = slice_position_;
    ssize_t sent =
        ::sendfile(descriptor_, files_.fetch, &position, static_cast<size_t>(slice_left_));
    if (sent < 0) return errno == EAGAIN;
    if (sent == 0) Die("the fetch file is shorter than it was");
    slice_position_ += sent;
    slice_left_ -= sent;
  }
  return true;
}

}  // namespace millrace::bench

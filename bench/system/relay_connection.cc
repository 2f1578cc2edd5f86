#include "bench/system/relay_connection.h"

#include <algorithm>
#include <array>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/system/fatal.h"

namespace millrace::bench {
namespace {

constexpr int16_t kProduce = 0;
constexpr int16_t kFetch = 1;
constexpr int16_t kListOffsets = 2;
constexpr int16_t kMetadata = 3;
constexpr int16_t kApiVersions = 18;
constexpr int16_t kUnsupportedVersion = 35;
struct Api {
  int16_t key;
  int16_t version_max;
};
// None of these versions has tags.
constexpr std::array<Api, 5> kApis{
    {{kProduce, 3}, {kFetch, 4}, {kListOffsets, 1}, {kMetadata, 1}, {kApiVersions, 0}}};
constexpr int64_t kEarliest = -2;
constexpr size_t kBatchesMax = 8192;
constexpr size_t kLastOffsetDeltaPosition = 23;
constexpr size_t kBatchHeaderBytes = 61;
constexpr size_t kReadBytes = 256 << 10;

// The topic and the partition of a request that names one of each, as they stand in it.
struct Place {
  std::string topic;
  int32_t partition;
};

std::string ReadText(FrameReader& in, std::span<const uint8_t> frame) {
  size_t at = in.position() + 2;
  in.SkipText();
  if (!in.ok() || in.position() < at) Die("a request of another shape");
  return {reinterpret_cast<const char*>(frame.data()) + at, in.position() - at};
}

Place ReadPlace(FrameReader& in, std::span<const uint8_t> frame) {
  if (in.Integer<int32_t>() != 1) Die("the relay knows one topic in a request");
  Place place{.topic = ReadText(in, frame), .partition = 0};
  if (in.Integer<int32_t>() != 1) Die("the relay knows one partition in a request");
  place.partition = in.Integer<int32_t>();
  return place;
}

void WritePlace(FrameWriter& out, const Place& place) {
  out.Integer<int32_t>(1);
  out.Text(place.topic);
  out.Integer<int32_t>(1);
  out.Integer<int32_t>(place.partition);
}

FrameWriter BeginAnswer(std::span<const uint8_t> frame) {
  FrameWriter out;
  out.Integer<int32_t>(0);  // size
  out.Integer<int32_t>(LoadBigEndian<int32_t>(frame.data() + 8));
  return out;
}

void WriteApiVersions(FrameWriter& out, int16_t version) {
  out.Integer<int16_t>(version == 0 ? int16_t{0} : kUnsupportedVersion);
  out.Integer<int32_t>(static_cast<int32_t>(kApis.size()));
  for (const Api& api : kApis) {
    out.Integer<int16_t>(api.key);
    out.Integer<int16_t>(0);
    out.Integer<int16_t>(api.version_max);
  }
}

void WriteMetadata(FrameWriter& out, FrameReader in, std::span<const uint8_t> frame,
                   uint16_t port) {
  out.Integer<int32_t>(1);  // brokers
  out.Integer<int32_t>(1);
  out.Text("127.0.0.1");
  out.Integer<int32_t>(port);
  out.Integer<int16_t>(-1);  // rack
  out.Integer<int32_t>(1);   // controller
  auto topics = std::max(in.Integer<int32_t>(), 0);
  out.Integer<int32_t>(topics);
  for (int32_t i = 0; i < topics; ++i) {
    out.Integer<int16_t>(0);
    out.Text(ReadText(in, frame));
    out.Integer<int8_t>(0);   // internal
    out.Integer<int32_t>(1);  // partitions
    out.Integer<int16_t>(0);
    out.Integer<int32_t>(0);
    for (int32_t field : {1, 1, 1, 1, 1}) out.Integer<int32_t>(field);  // leader, replicas, isr
  }
}

}  // namespace

int64_t RelayLog::Append(std::vector<uint8_t> batch) {
  if (batch.size() < kBatchHeaderBytes) Die("a batch is too short");
  int64_t base = next_offset_;
  StoreBigEndian<int64_t>(batch.data(), base);
  next_offset_ += LoadBigEndian<int32_t>(batch.data() + kLastOffsetDeltaPosition) + 1;
  batches_.push_back({.base = base, .last = next_offset_ - 1, .bytes = std::move(batch)});
  if (batches_.size() > kBatchesMax) batches_.pop_front();
  return base;
}

void RelayLog::Read(int64_t offset, size_t max_bytes, std::vector<uint8_t>& out) const {
  auto batch = std::partition_point(batches_.begin(), batches_.end(),
                                    [&](const Batch& each) { return each.last < offset; });
  for (; batch != batches_.end(); ++batch) {
    if (!out.empty() && out.size() + batch->bytes.size() > max_bytes) return;
    out.insert(out.end(), batch->bytes.begin(), batch->bytes.end());
  }
}

RelayConnection::~RelayConnection() { ::close(descriptor_); }

bool RelayConnection::Read(int64_t now_ms) {
  now_ms_ = now_ms;
  while (true) {
    size_t had = in_.size();
    in_.resize(had + kReadBytes);
    ssize_t got = ::recv(descriptor_, in_.data() + had, kReadBytes, 0);
    in_.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN;
    size_t at = 0;
    while (in_.size() - at >= 4) {
      size_t size = 4 + LoadBigEndian<uint32_t>(in_.data() + at);
      if (in_.size() - at < size) break;
      Handle({in_.data() + at, size});
      at += size;
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(at));
    if (static_cast<size_t>(got) < kReadBytes) return true;
  }
}

bool RelayConnection::Write() {
  size_t at = 0;
  while (at < out_.size()) {
    ssize_t sent = ::send(descriptor_, out_.data() + at, out_.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) break;
    at += static_cast<size_t>(sent);
  }
  out_.erase(out_.begin(), out_.begin() + static_cast<ptrdiff_t>(at));
  return true;
}

void RelayConnection::Finish(FrameWriter& out) {
  out.EndFrame();
  out_.insert(out_.end(), out.bytes().begin(), out.bytes().end());
}

void RelayConnection::Handle(std::span<const uint8_t> frame) {
  if (frame.size() < 14) Die("a request is too short");
  auto key = LoadBigEndian<int16_t>(frame.data() + 4);
  auto version = LoadBigEndian<int16_t>(frame.data() + 6);
  FrameReader in(frame);
  in.Skip(4 + 2 + 2 + 4);
  in.SkipText();
  if (key == kProduce && version == 3) return HandleProduce(in, frame);
  if (key == kFetch && version == 4) return HandleFetch(in, frame);
  if (key == kListOffsets && version == 1) return HandleListOffsets(in, frame);
  FrameWriter out = BeginAnswer(frame);
  if (key == kApiVersions) {
    WriteApiVersions(out, version);
  } else if (key == kMetadata && version == 1) {
    WriteMetadata(out, in, frame, port_);
  } else {
    Die("the relay does not know API " + std::to_string(key) + " version " +
        std::to_string(version));
  }
  Finish(out);
}

void RelayConnection::HandleProduce(FrameReader in, std::span<const uint8_t> frame) {
  in.SkipText();   // transactional id
  in.Skip(2 + 4);  // acks, timeout
  Place place = ReadPlace(in, frame);
  auto size = static_cast<size_t>(in.Integer<int32_t>());
  size_t at = in.position();
  if (!in.Skip(size)) Die("a Produce request of another shape");
  auto batch = frame.subspan(at, size);
  int64_t base = log_.Append({batch.begin(), batch.end()});
  FrameWriter out = BeginAnswer(frame);
  WritePlace(out, place);
  out.Integer<int16_t>(0);  // error
  out.Integer<int64_t>(base);
  out.Integer<int64_t>(-1);  // log append time
  out.Integer<int32_t>(0);   // throttle time
  Finish(out);
}

void RelayConnection::HandleListOffsets(FrameReader in, std::span<const uint8_t> frame) {
  in.Skip(4);  // replica
  Place place = ReadPlace(in, frame);
  auto timestamp = in.Integer<int64_t>();
  FrameWriter out = BeginAnswer(frame);
  WritePlace(out, place);
  out.Integer<int16_t>(0);
  out.Integer<int64_t>(-1);
  out.Integer<int64_t>(timestamp == kEarliest ? log_.begin_offset() : log_.next_offset());
  Finish(out);
}

void RelayConnection::HandleFetch(FrameReader in, std::span<const uint8_t> frame) {
  in.Skip(4);  // replica
  auto wait_ms = in.Integer<int32_t>();
  in.Skip(4 + 4 + 1);  // least bytes, most bytes, isolation
  static_cast<void>(ReadPlace(in, frame));
  auto offset = in.Integer<int64_t>();
  if (!in.ok()) Die("a Fetch request of another shape");
  if (offset < log_.next_offset()) return AnswerFetch(frame);
  waiting_ = WaitingFetch{
      .frame = {frame.begin(), frame.end()}, .offset = offset, .deadline_ms = now_ms_ + wait_ms};
}

void RelayConnection::AnswerFetch(std::span<const uint8_t> frame) {
  FrameReader in(frame);
  in.Skip(4 + 2 + 2 + 4);
  in.SkipText();
  in.Skip(4 + 4 + 4 + 4 + 1);
  Place place = ReadPlace(in, frame);
  auto offset = in.Integer<int64_t>();
  auto max_bytes = in.Integer<int32_t>();
  std::vector<uint8_t> records;
  log_.Read(offset, static_cast<size_t>(max_bytes), records);
  FrameWriter out = BeginAnswer(frame);
  out.Integer<int32_t>(0);  // throttle time
  WritePlace(out, place);
  out.Integer<int16_t>(0);
  out.Integer<int64_t>(log_.next_offset());  // high watermark
  out.Integer<int64_t>(log_.next_offset());  // last stable offset
  out.Integer<int32_t>(-1);                  // aborted transactions
  out.Integer<int32_t>(static_cast<int32_t>(records.size()));
  out.Raw(records);
  Finish(out);
}

void RelayConnection::AnswerWaiting(int64_t now_ms) {
  if (!waiting_) return;
  if (waiting_->offset >= log_.next_offset() && now_ms < waiting_->deadline_ms) return;
  AnswerFetch(waiting_->frame);
  waiting_.reset();
}

}  // namespace millrace::bench

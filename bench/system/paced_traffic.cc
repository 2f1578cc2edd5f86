#include "bench/system/paced_traffic.h"

#include <algorithm>
#include <array>
#include <string>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bench/system/fatal.h"
#include "bench/system/frame_writer.h"
#include "bench/system/requests.h"
#include "bench/system/socket.h"

namespace millrace::bench {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kPingsPerSecond = 1000;
constexpr int64_t kTickNs = 200'000;

int StartTimer() {
  int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  itimerspec every{.it_interval = {.tv_sec = 0, .tv_nsec = kTickNs},
                   .it_value = {.tv_sec = 0, .tv_nsec = kTickNs}};
  if (timer < 0 || ::timerfd_settime(timer, 0, &every, nullptr) != 0) DieErrno("timerfd");
  return timer;
}

}  // namespace

struct PacedTraffic::Stream {
  int descriptor;
  std::vector<uint8_t> frame;
  double interval_ns;
  double first_ns;          // of the first request, after the start
  size_t error_position;    // in an answer, behind its size; 0: it is a ping
  uint64_t sent_bytes = 0;  // since the start; the frame repeats
  uint64_t answered = 0;    // requests
  std::array<uint8_t, 16 << 10> answers;
  size_t answer_bytes = 0;
};

PacedTraffic::PacedTraffic(const LoadOptions& options) {
  BuiltBatch batch = BuildBatch(options.batch_bytes, options.record_bytes);
  batch_bytes_ = batch.bytes.size();
  for (int32_t i = 0; i < options.connections; ++i) {
    AddStream(options,
              BuildProduce({.topic = options.topic,
                            .partition = i % options.partitions,
                            .acks = options.acks,
                            .correlation_id = 0},
                           batch),
              options.requests_per_second / options.connections);
    // Correlation id, tags, one topic and its name, one partition and its index.
    streams_.back()->error_position = 4 + 1 + 1 + 1 + options.topic.size() + 1 + 4;
    // The connections take turns.
    streams_.back()->first_ns = i * kNsPerSecond / options.requests_per_second;
  }
  AddStream(options, BuildApiVersions(), kPingsPerSecond);
  descriptors_.push_back(StartTimer());
  began_ns_ = NowNs();
}

PacedTraffic::~PacedTraffic() {
  for (int descriptor : descriptors_) ::close(descriptor);
}

void PacedTraffic::AddStream(const LoadOptions& options, std::vector<uint8_t> frame,
                             double per_second) {
  auto stream = std::make_unique<Stream>();
  stream->descriptor = ConnectToLoopback(options.port);
  SetNonBlocking(stream->descriptor);
  stream->frame = std::move(frame);
  stream->interval_ns = kNsPerSecond / per_second;
  stream->first_ns = 0;
  stream->error_position = 0;
  descriptors_.push_back(stream->descriptor);
  streams_.push_back(std::move(stream));
}

void PacedTraffic::BeginWindow() {
  Traffic::BeginWindow();
  pings_.Clear();
}

void PacedTraffic::OnReady(size_t index) {
  if (index == streams_.size()) return OnTick();
  ReadAnswers(*streams_[index]);
  Send(*streams_[index]);
}

void PacedTraffic::OnTick() {
  uint64_t expirations = 0;
  static_cast<void>(::read(descriptors_.back(), &expirations, sizeof(expirations)));
  for (auto& stream : streams_) Send(*stream);
}

// What is due by now, as far as the socket takes it.
void PacedTraffic::Send(Stream& stream) {
  double elapsed_ns = static_cast<double>(NowNs() - began_ns_) - stream.first_ns;
  if (elapsed_ns < 0) return;
  uint64_t due = static_cast<uint64_t>(elapsed_ns / stream.interval_ns) + 1;
  while (stream.sent_bytes < due * stream.frame.size()) {
    size_t at = stream.sent_bytes % stream.frame.size();
    ssize_t sent =
        ::send(stream.descriptor, stream.frame.data() + at, stream.frame.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) DieErrno("send");
    stream.sent_bytes += static_cast<uint64_t>(sent);
  }
}

void PacedTraffic::ReadAnswers(Stream& stream) {
  while (true) {
    size_t room = stream.answers.size() - stream.answer_bytes;
    ssize_t got = ::recv(stream.descriptor, stream.answers.data() + stream.answer_bytes, room, 0);
    if (got == 0) Die("the server closed a connection");
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) DieErrno("recv");
    stream.answer_bytes += static_cast<size_t>(got);
    size_t begin = 0;
    while (stream.answer_bytes - begin >= 4) {
      size_t size = LoadBigEndian<uint32_t>(stream.answers.data() + begin);
      if (size > stream.answers.size() - 4) Die("an answer is larger than it may be");
      if (stream.answer_bytes - begin < 4 + size) break;
      HandleAnswer(stream, {stream.answers.data() + begin + 4, size});
      begin += 4 + size;
    }
    std::copy(stream.answers.data() + begin, stream.answers.data() + stream.answer_bytes,
              stream.answers.data());
    stream.answer_bytes -= begin;
  }
}

void PacedTraffic::HandleAnswer(Stream& stream, std::span<const uint8_t> frame) {
  double due_ns = stream.first_ns + static_cast<double>(stream.answered) * stream.interval_ns;
  uint64_t latency_ns = NowNs() - began_ns_ - static_cast<uint64_t>(due_ns);
  ++stream.answered;
  if (stream.error_position == 0) return pings_.Record(latency_ns);
  if (frame.size() < stream.error_position + 2) Die("a produce answer is too short");
  auto error = LoadBigEndian<int16_t>(frame.data() + stream.error_position);
  if (error != 0) Die("a batch was refused with error code " + std::to_string(error));
  CountAnswer(batch_bytes_, latency_ns);
}

}  // namespace millrace::bench

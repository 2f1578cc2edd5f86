#include "broker/net/answer_queue.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <random>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "broker/runtime/async.h"
#include "tests/broker/net/tcp_segments.h"

namespace millrace::net {
namespace {

using Result = AnswerQueue::SendResult;

constexpr size_t kTurnBytes = 256 << 10;

class SocketPair {
 public:
  explicit SocketPair(int buffer_bytes = 0) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_) == 0);
    // Files are sent with sendfile, which waits on a blocking socket; the broker's do not block.
    REQUIRE(::fcntl(ends_[0], F_SETFL, O_NONBLOCK) == 0);
    if (buffer_bytes == 0) return;
    for (int end : ends_) {
      ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
      // Above the system's limit, as root.
      ::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &buffer_bytes, sizeof(buffer_bytes));
      ::setsockopt(end, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    }
  }
  ~SocketPair() {
    ::close(ends_[0]);
    CloseReader();
  }

  int writer() const { return ends_[0]; }
  void CloseReader() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  // What has arrived, at most so many bytes.
  std::string Read(size_t count_max = SIZE_MAX) {
    std::string all;
    char piece[4096];
    while (all.size() < count_max) {
      size_t wanted = std::min(sizeof(piece), count_max - all.size());
      ssize_t count = ::recv(ends_[1], piece, wanted, MSG_DONTWAIT);
      if (count <= 0) break;
      all.append(piece, static_cast<size_t>(count));
    }
    return all;
  }

 private:
  int ends_[2];
};

// A file with known content; FilePart keeps it open.
std::shared_ptr<std::FILE> FileOf(const std::string& content) {
  std::shared_ptr<std::FILE> file(std::tmpfile(), [](std::FILE* f) { std::fclose(f); });
  REQUIRE(file != nullptr);
  REQUIRE(std::fwrite(content.data(), 1, content.size(), file.get()) == content.size());
  REQUIRE(std::fflush(file.get()) == 0);
  return file;
}

FilePart Part(const std::shared_ptr<std::FILE>& file, size_t position, int64_t offset,
              size_t size) {
  return {.position = position,
          .descriptor = ::fileno(file.get()),
          .offset = offset,
          .size = size,
          .keep_open = file};
}

void Fill(AnswerQueue& queue, uint64_t sequence, std::string_view text,
          std::vector<FilePart> files = {}) {
  queue.BufferFor(sequence).Append(std::as_bytes(std::span(text)));
  queue.Fill(sequence, files);
}

TEST_CASE("answer queue: nothing is sent while the first answer is missing") {
  SocketPair sockets;
  AnswerQueue queue;
  uint64_t a = queue.Open({}), b = queue.Open({});
  Fill(queue, b, "B");
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kDone);
  CHECK(sockets.Read().empty());
  CHECK(queue.open_slots() == 2);
  Fill(queue, a, "A");
  CHECK(queue.open_slots() == 0);
  CHECK(queue.unsent_bytes() == 2);
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kDone);
  CHECK(sockets.Read() == "AB");
  CHECK(queue.unsent_bytes() == 0);
}

TEST_CASE("answer queue: a skipped request leaves no trace, first, last or between") {
  SocketPair sockets;
  AnswerQueue queue;
  std::vector<uint64_t> slots;
  for (int i = 0; i < 5; ++i) slots.push_back(queue.Open({}));
  queue.Skip(slots[2]);
  Fill(queue, slots[3], "3");
  queue.Skip(slots[0]);
  queue.Skip(slots[4]);
  Fill(queue, slots[1], "1");
  CHECK(queue.open_slots() == 0);
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kDone);
  CHECK(sockets.Read() == "13");
}

TEST_CASE("answer queue: a long part of a file is sent in turns") {
  SocketPair sockets(4 << 20);
  AnswerQueue queue;
  std::string content(600 << 10, 'x');
  auto file = FileOf(content);
  Fill(queue, queue.Open({}), "<>", {Part(file, 1, 0, content.size())});
  std::string received;
  std::vector<size_t> turns;
  Result result = Result::kTurnOver;
  while (result == Result::kTurnOver) {
    result = queue.Send(sockets.writer(), kTurnBytes);
    turns.push_back(sockets.Read().size());
  }
  CHECK(result == Result::kDone);
  CHECK(turns == std::vector<size_t>{(256 << 10) + 1, 256 << 10, (88 << 10) + 1});
  CHECK(queue.unsent_bytes() == 0);
}

TEST_CASE("answer queue: parts of files come where they belong") {
  SocketPair sockets;
  AnswerQueue queue;
  auto file = FileOf("0123456789");
  uint64_t a = queue.Open({}), b = queue.Open({}), c = queue.Open({});
  Fill(queue, b, "[]", {Part(file, 1, 0, 3), Part(file, 1, 7, 2), Part(file, 2, 5, 1)});
  Fill(queue, a, "<>", {Part(file, 0, 9, 1), Part(file, 1, 4, 2)});
  Fill(queue, c, "end");
  CHECK(queue.unsent_bytes() == 2 + 2 + 3 + 6 + 3);
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kDone);
  CHECK(sockets.Read() == "9<45>[01278]5end");
  CHECK(queue.unsent_bytes() == 0);
}

TEST_CASE("answer queue: a file is let go when its part is sent") {
  SocketPair sockets;
  AnswerQueue queue;
  auto file = FileOf("abc");
  std::weak_ptr<std::FILE> watched = file;
  Fill(queue, queue.Open({}), "", {Part(file, 0, 0, 3)});
  file.reset();
  CHECK_FALSE(watched.expired());
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kDone);
  CHECK(sockets.Read() == "abc");
  CHECK(watched.expired());
}

TEST_CASE("answer queue: a file shorter than announced, or a peer that is gone, is a failure") {
  AnswerQueue queue;
  SECTION("short file") {
    SocketPair sockets;
    Fill(queue, queue.Open({}), "x", {Part(FileOf("abc"), 1, 0, 4)});
    CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kFailed);
  }
  SECTION("no reader") {
    SocketPair sockets;
    sockets.CloseReader();
    Fill(queue, queue.Open({}), "x");
    CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kFailed);
  }
}

TEST_CASE("answer queue: a full socket blocks, and sending goes on where it stopped") {
  uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  SocketPair sockets(4096);
  AnswerQueue queue;
  std::string content(300'000, '.');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>('a' + i % 23);
  auto file = FileOf(content);
  std::string expected, received;
  bool was_blocked = false;
  for (int round = 0; round < 60; ++round) {
    uint64_t slot = queue.Open({});
    std::string head = fmt::format("<{}:", round) + std::string(random() % 9000, '#');
    size_t offset = random() % 200'000, size = 1 + random() % 90'000;
    std::vector<FilePart> parts;
    if (round % 3 != 0)
      parts.push_back(Part(file, head.size(), static_cast<int64_t>(offset), size));
    Fill(queue, slot, head + ">", parts);
    expected += head + (parts.empty() ? "" : content.substr(offset, size)) + ">";
    was_blocked |= queue.Send(sockets.writer(), kTurnBytes) == Result::kBlocked;
    REQUIRE(queue.unsent_bytes() <= expected.size() - received.size());
    received += sockets.Read(random() % 60'000);
  }
  while (queue.Send(sockets.writer(), kTurnBytes) == Result::kBlocked)
    received += sockets.Read(5000);
  received += sockets.Read();
  CHECK(was_blocked);
  CHECK(queue.unsent_bytes() == 0);
  CHECK(received == expected);
}

// A peer that reads steadily but never catches up is within the limits of the connection.
TEST_CASE("answer queue: what was sent takes no memory, though more is always left to send") {
  SocketPair sockets(4096);
  AnswerQueue queue;
  std::string answer(16'000, 'x');
  size_t capacity = 0;
  for (int round = 0; round < 1000; ++round) {
    uint64_t slot = queue.Open({});
    Fill(queue, slot, answer);
    while (queue.Send(sockets.writer(), kTurnBytes) == Result::kBlocked &&
           queue.unsent_bytes() > 64'000) {
      sockets.Read(8'000);
    }
    REQUIRE(queue.unsent_bytes() <= 64'000 + answer.size());
    slot = queue.Open({});
    capacity = std::max(capacity, queue.BufferFor(slot).capacity());
    queue.Skip(slot);
  }
  CHECK(capacity <= size_t{1} << 20);
}

struct Waiting final : AnswerWatcher {
  void OnClosed() override { ++closed; }
  void OnMemoryShort() override { ++hurried; }
  int closed = 0;
  int hurried = 0;
};

TEST_CASE("answer queue: answers behind one that waits count as pending, and as memory") {
  AnswerQueue queue;
  CHECK(queue.memory_bytes() == 0);
  uint64_t waits = queue.Open({}), ready = queue.Open({});
  Fill(queue, ready, std::string(100'000, 'r'));
  CHECK(queue.unsent_bytes() == 0);
  CHECK(queue.pending_bytes() == 100'000);
  CHECK(queue.memory_bytes() >= 100'000);
  Fill(queue, waits, "w");
  CHECK(queue.unsent_bytes() == 100'001);
  CHECK(queue.pending_bytes() == 100'001);
  SocketPair pair(1 << 20);
  CHECK(queue.Send(pair.writer(), kTurnBytes) == Result::kDone);
  CHECK(queue.pending_bytes() == 0);
  queue.ReleaseSpare();
  CHECK(queue.memory_bytes() == 0);
}

TEST_CASE("answer queue: who waits is told of short memory and of the end, until it has answered") {
  AnswerQueue queue;
  Waiting first, second;
  uint64_t one = queue.Open({}), two = queue.Open({});
  queue.Watch(one, first);
  queue.Watch(two, second);
  queue.AnswerWaiting();
  CHECK(first.hurried == 1);
  CHECK(second.hurried == 1);
  Fill(queue, two, "2");
  queue.AnswerWaiting();
  CHECK(first.hurried == 2);
  CHECK(second.hurried == 1);
  queue.Close();
  CHECK(first.closed == 1);
  CHECK(second.closed == 0);
  CHECK(queue.memory_bytes() == 0);
}

// A file of which the test says what is in the page cache.
class ScriptedSource final : public PartSource {
 public:
  bool IsResident(const void*, int64_t position, int64_t length) const override {
    ++asked;
    return position + length <= resident_end;
  }
  absl::Status Load(const void*, int64_t, int64_t) const override { return absl::OkStatus(); }

  int64_t resident_end = 0;
  mutable int asked = 0;
};

FilePart ColdPart(const std::shared_ptr<std::FILE>& file, const ScriptedSource& source,
                  size_t size) {
  FilePart part = Part(file, 1, 0, size);
  part.source = &source;
  return part;
}

// Larger than what is copied into an answer unasked.
std::string LargePart() { return std::string(20'000, 'x'); }

TEST_CASE("answer queue: what was looked at for its answer is sent unasked") {
  SocketPair sockets;
  AnswerQueue queue;
  ScriptedSource source;
  auto file = FileOf("abc");
  FilePart part = ColdPart(file, source, 3);
  part.resident_end = 3;
  Fill(queue, queue.Open({}), "<>", {part});
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kDone);
  CHECK(sockets.Read() == "<abc>");
  CHECK(source.asked == 0);
}

TEST_CASE("answer queue: what is left after a turn is asked about again") {
  SocketPair sockets(4 << 20);
  AnswerQueue queue;
  ScriptedSource source;
  const std::string content(600 << 10, 'x');
  auto file = FileOf(content);
  FilePart part = ColdPart(file, source, content.size());
  part.resident_end = static_cast<int64_t>(content.size());
  Fill(queue, queue.Open({}), "<>", {part});
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kTurnOver);
  CHECK(source.asked == 0);
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kCold);
  CHECK(source.asked == 1);
  CHECK(sockets.Read().size() == kTurnBytes + 1);
  source.resident_end = part.resident_end;
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kTurnOver);
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kDone);
  CHECK(source.asked == 3);
}

TEST_CASE("answer queue: a part that is not in memory stops the sending until it is loaded") {
  SocketPair sockets;
  AnswerQueue queue;
  ScriptedSource source;
  const std::string content(3 << 20, 'x');
  auto file = FileOf(content);
  Fill(queue, queue.Open({}), "<>", {ColdPart(file, source, content.size())});
  std::string received;
  int loads = 0;
  for (;;) {
    Result result = queue.Send(sockets.writer(), kTurnBytes);
    received += sockets.Read();
    if (result == Result::kDone) break;
    REQUIRE(result != Result::kFailed);
    if (result == Result::kBlocked) continue;
    FilePart cold = queue.Cold();
    CHECK(cold.size <= size_t{1} << 20);
    source.resident_end = cold.offset + static_cast<int64_t>(cold.size);
    queue.OnLoaded();
    ++loads;
  }
  CHECK(loads >= 3);
  CHECK(received + sockets.Read() == "<" + content + ">");
}

TEST_CASE(
    "answer queue: what waits for a slow reader, or for an answer before it, is asked again") {
  SocketPair sockets(1 << 20);
  AnswerQueue queue;
  ScriptedSource source;
  const std::string content = LargePart();
  source.resident_end = static_cast<int64_t>(content.size());
  auto file = FileOf(content);
  FilePart part = ColdPart(file, source, content.size());
  part.resident_end = source.resident_end;
  uint64_t first = queue.Open({}), second = queue.Open({});
  Fill(queue, second, "<>", {part});
  Fill(queue, first, "-");
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kDone);
  CHECK(sockets.Read() == "-<" + content + ">");
  CHECK(source.asked == 1);
}

TEST_CASE("answer queue: what is loaded is sent once unasked, even if it has left the memory") {
  SocketPair sockets(1 << 20);
  AnswerQueue queue;
  ScriptedSource source;
  const std::string content = LargePart();
  auto file = FileOf(content);
  Fill(queue, queue.Open({}), "<>", {ColdPart(file, source, content.size())});
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kCold);
  CHECK(sockets.Read() == "<");
  queue.OnLoaded();
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kDone);
  CHECK(sockets.Read() == content + ">");
}

// Small parts are copied, large ones are not; a turn counts both.
TEST_CASE("answer queue: small and large parts come where they belong, in turns of any length") {
  uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  SocketPair sockets(4 << 20);
  AnswerQueue queue;
  std::string content(300'000, '.');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>('a' + i % 23);
  auto file = FileOf(content);
  for (int round = 0; round < 100; ++round) {
    std::string expected, around;
    std::vector<FilePart> parts;
    for (uint64_t count = random() % 20; count > 0; --count) {
      const std::string head = fmt::format("<{}:", count);
      const size_t offset = random() % 200'000;
      const size_t size = random() % 8 == 0 ? random() % 90'000 : random() % 3000;
      around += head;
      parts.push_back(Part(file, around.size(), static_cast<int64_t>(offset), size));
      expected += head + content.substr(offset, size);
    }
    if (random() % 2 == 0) {
      around += ">";
      expected += ">";
    }
    Fill(queue, queue.Open({}), around, parts);
    REQUIRE(queue.unsent_bytes() == expected.size());
    const size_t turn_bytes = 1 + random() % 100'000;
    std::string received;
    while (queue.Send(sockets.writer(), turn_bytes) == Result::kTurnOver) {
      const std::string piece = sockets.Read();
      REQUIRE(piece.size() <= turn_bytes + around.size());
      received += piece;
    }
    received += sockets.Read();
    REQUIRE(queue.unsent_bytes() == 0);
    REQUIRE(received == expected);
  }
}

TEST_CASE("answer queue: of many small parts few are in memory, however slow or fast the peer is") {
  const size_t piece = GENERATE(8'000, 1'000'000);
  SocketPair sockets(64 << 10);
  AnswerQueue queue;
  const std::string content(10'000, 'x');
  auto file = FileOf(content);
  std::vector<FilePart> parts;
  for (size_t i = 0; i < 1000; ++i) parts.push_back(Part(file, i + 1, 0, content.size()));
  const std::string around(parts.size() + 1, '|');
  Fill(queue, queue.Open({}), around, parts);
  const size_t before = queue.memory_bytes();
  size_t received = 0, most = 0;
  while (queue.unsent_bytes() > 0) {
    REQUIRE(queue.Send(sockets.writer(), kTurnBytes) != Result::kFailed);
    most = std::max(most, queue.memory_bytes());
    received += sockets.Read(piece).size();
  }
  received += sockets.Read().size();
  CHECK(received == around.size() + parts.size() * content.size());
  CHECK(most <= before + (size_t{1} << 20));
}

TEST_CASE("answer queue: a part of nothing is none") {
  SocketPair sockets;
  AnswerQueue queue;
  auto file = FileOf(LargePart());
  Fill(queue, queue.Open({}), "<", {Part(file, 1, 0, LargePart().size()), Part(file, 1, 0, 0)});
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kDone);
  CHECK(sockets.Read() == "<" + LargePart());
}

TEST_CASE("answer queue: a small part that is not in memory is loaded, too") {
  SocketPair sockets;
  AnswerQueue queue;
  ScriptedSource source;
  auto file = FileOf("abc");
  Fill(queue, queue.Open({}), "<>", {ColdPart(file, source, 3)});
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kCold);
  CHECK(sockets.Read() == "<");
  queue.OnLoaded();
  CHECK(queue.Send(sockets.writer(), kTurnBytes) == Result::kDone);
  CHECK(sockets.Read() == "abc>");
}

TEST_CASE("answer queue: what stands behind a file's bytes leaves in their last packet") {
  const size_t size = GENERATE(1000, 20'000);
  asio::io_context context;
  asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  asio::ip::tcp::socket writer(context), reader(context);
  reader.connect(acceptor.local_endpoint());
  acceptor.accept(writer);
  writer.set_option(asio::ip::tcp::no_delay(true));
  AnswerQueue queue;
  auto file = FileOf(std::string(size, 'x'));
  Fill(queue, queue.Open({}), "<>", {Part(file, 1, 0, size)});
  CHECK(queue.Send(writer.native_handle(), kTurnBytes) == Result::kDone);
  std::string received(size + 2, '.');
  asio::read(reader, asio::buffer(received));
  CHECK(received == "<" + std::string(size, 'x') + ">");
  CHECK(DataSegmentsSent(writer.native_handle()) == 1);
}

}  // namespace
}  // namespace millrace::net

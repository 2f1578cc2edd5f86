// null_broker: the limit of the machine for a broker's two paths, with nothing around them. One
// thread, epoll, large reads, one write for the answers of a pass; see null_connection.h for what
// it does with a request. `millrace_load` drives it with the very frames that it sends to a broker,
// so the ratio of the two is the broker's share of the limit (docs/benchmarks.md).
//
//   null_broker --port 9092 --dir /tmp/null --fetch-bytes 1073741824
//   null_broker --port 9092 --relay        for other clients: null_relay.h
#include <array>
#include <csignal>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>

#include "bench/system/fatal.h"
#include "bench/system/null_connection.h"
#include "bench/system/null_relay.h"
#include "bench/system/socket.h"
#include "tools/bench/socket.h"

namespace millrace::bench {
namespace {

int CreateFile(const std::string& path) {
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) DieErrno("open " + path);
  return file;
}

NullFiles OpenFiles(const NullOptions& options) {
  NullFiles files{.log = CreateFile(options.directory + "/null.log"),
                  .log_size = options.log_bytes,
                  .fetch_size = options.fetch_bytes};
  if (::fallocate(files.log, FALLOC_FL_KEEP_SIZE, 0, options.log_bytes) != 0) DieErrno("fallocate");
  if (options.fetch_bytes == 0) return files;
  files.fetch = CreateFile(options.directory + "/null.fetch");
  // Written, not left as a hole: sendfile is to find ordinary pages in the page cache.
  const std::vector<char> zeros(1 << 20);
  for (int64_t at = 0; at < options.fetch_bytes; at += static_cast<int64_t>(zeros.size())) {
    if (::pwrite(files.fetch, zeros.data(), zeros.size(), at) < 0) DieErrno("pwrite");
  }
  return files;
}

class NullBroker {
 public:
  explicit NullBroker(const NullOptions& options)
      : options_(options),
        files_(OpenFiles(options)),
        listener_(ListenOnLoopback(options.port)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) DieErrno("epoll_create1");
    Watch(listener_, 0, EPOLLIN);
  }

  [[noreturn]] void Run() {
    while (true) {
      std::array<epoll_event, 64> events;
      int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (ready < 0 && errno != EINTR) DieErrno("epoll_wait");
      for (int i = 0; i < ready; ++i) OnReady(events[static_cast<size_t>(i)].data.u64);
      if (!waiting_.empty()) SyncAndAnswer();
    }
  }

 private:
  // The number 0 stands for the listener, number n for connections_[n - 1].
  void Watch(int descriptor, uint64_t number, uint32_t what) {
    epoll_event event{.events = what, .data = {.u64 = number}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) DieErrno("epoll_ctl");
  }

  void Accept() {
    int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) DieErrno("accept4");
    SetTcpOptions(descriptor);
    connections_.push_back(std::make_unique<NullConnection>(descriptor, connections_.size(),
                                                            options_.buffer_bytes, files_));
    Watch(descriptor, connections_.size(), EPOLLIN | EPOLLOUT | EPOLLET);
  }

  void OnReady(uint64_t number) {
    if (number == 0) return Accept();
    std::unique_ptr<NullConnection>& connection = connections_[number - 1];
    if (!connection->Write() || !connection->Read() || !connection->Write()) {
      connection.reset();
    } else if (connection->wants_sync()) {
      waiting_.push_back(connection.get());
    }
  }

  // One fdatasync for every acks=all request of the pass: group commit at its simplest.
  void SyncAndAnswer() {
    if (::fdatasync(files_.log) != 0) DieErrno("fdatasync");
    for (NullConnection* connection : waiting_) {
      connection->Synced();
      (void)connection->Write();  // a client that has gone shows at its next event
    }
    waiting_.clear();
  }

  NullOptions options_;
  NullFiles files_;
  int listener_;
  int epoll_;
  std::vector<std::unique_ptr<NullConnection>> connections_;  // a gone client leaves a null
  std::vector<NullConnection*> waiting_;
};

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  millrace::bench::NullOptions options;
  CLI::App app("The machine's limit for a broker");
  app.add_option("--port", options.port)->required();
  app.add_option("--dir", options.directory, "Where its two files go");
  app.add_option("--log-bytes", options.log_bytes, "Size of the log; then it starts over");
  app.add_option("--fetch-bytes", options.fetch_bytes, "Size of the file that fetches read");
  app.add_option("--buffer-bytes", options.buffer_bytes, "First size of a connection's buffer");
  bool relays = false;
  app.add_flag("--relay", relays, "Pass records on from memory, to real clients; no files");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);  // sendfile has no MSG_NOSIGNAL
  if (relays) millrace::bench::NullRelay(options.port).Run();
  millrace::bench::NullBroker(options).Run();
}

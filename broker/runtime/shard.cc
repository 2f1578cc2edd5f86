#include "broker/runtime/shard.h"

#include <signal.h>

#include "broker/runtime/short_slice.h"
#include "proto/invariant.h"

namespace millrace {

thread_local Shard* Shard::current_ = nullptr;

Shard& Shard::Current() {
  INVARIANT(current_ != nullptr);
  return *current_;
}

void Shard::Loop() {
  current_ = this;
  // sendfile has no MSG_NOSIGNAL.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  AskForShortSlices();
  context_.run();
  current_ = nullptr;
}

ShardSet::ShardSet(size_t count) {
  INVARIANT(count > 0);
  for (size_t i = 0; i < count; ++i) shards_.push_back(std::make_unique<Shard>(i));
}

ShardSet::~ShardSet() { Stop(); }

void ShardSet::Start() {
  INVARIANT(threads_.empty());
  for (auto& shard : shards_) {
    guards_.push_back(asio::make_work_guard(shard->context()));
    threads_.emplace_back([loop = shard.get()] { loop->Loop(); });
  }
}

void ShardSet::Stop() {
  guards_.clear();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace millrace

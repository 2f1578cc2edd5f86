// A broker that keeps nothing: it takes records of one partition and passes them on from memory to
// whoever waits for them. What clients measure through it is what they take themselves, and the
// least that any broker could add (docs/benchmarks.md). It speaks old versions of the five APIs
// that librdkafka's producer and simple consumer need. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/system/relay_connection.h"

namespace millrace::bench {

class NullRelay {
 public:
  explicit NullRelay(uint16_t port);
  ~NullRelay();
  [[noreturn]] void Run();

 private:
  void Watch(int descriptor, uint64_t number);
  void Accept();
  void OnReady(uint64_t number);
  void AnswerWaiting();

  uint16_t port_;
  int listener_;
  int epoll_;
  RelayLog log_;
  std::vector<std::unique_ptr<RelayConnection>> connections_;  // a gone client leaves a null
};

}  // namespace millrace::bench

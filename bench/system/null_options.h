// What the null broker (null_broker.cc) is started with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace millrace::bench {

struct NullOptions {
  uint16_t port = 9092;
  std::string directory = ".";
  int64_t log_bytes = int64_t{4} << 30;  // preallocated; beyond it writing starts over
  int64_t fetch_bytes = 0;               // size of the file that fetches are answered from
  size_t buffer_bytes = 512 << 10;       // of a connection, at first
};

}  // namespace millrace::bench

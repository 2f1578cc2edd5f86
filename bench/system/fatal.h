// How the programs under bench/ give up: they are tools for one run, so what goes wrong is printed
// and ends them with status 1. Broker code never includes this.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include <absl/status/statusor.h>

namespace millrace::bench {

[[noreturn]] inline void Die(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

// The same with the reason of the system call that just failed.
[[noreturn]] inline void DieErrno(const std::string& what) {
  Die(what + ": " + std::strerror(errno));
}

inline void OrDie(const absl::Status& status) {
  if (!status.ok()) Die(std::string(status.message()));
}

template <class T>
T OrDie(absl::StatusOr<T> value) {
  OrDie(value.status());
  return std::move(*value);
}

}  // namespace millrace::bench

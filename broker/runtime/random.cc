#include "broker/runtime/random.h"

#include <cstring>
#include <sys/random.h>

#include "proto/invariant.h"

namespace millrace {

RandomBytes FreshRandomBytes() {
  RandomBytes bytes;
  // Up to 256 bytes come whole once the kernel's pool is ready, and nobody starts before that.
  INVARIANT(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return bytes;
}

int32_t FreshPositiveInt() {
  RandomBytes bytes = FreshRandomBytes();
  int32_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return (value & 0x7ffffffe) + 1;
}

}  // namespace millrace

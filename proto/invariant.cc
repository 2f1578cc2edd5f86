#include "proto/invariant.h"

#include <cstdio>
#include <cstdlib>

namespace millrace {

void InvariantFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "millrace: invariant failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace millrace

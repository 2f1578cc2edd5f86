// Which records a consumer may see. A value read from the wire may be none of these.
#pragma once

#include <cstdint>

namespace millrace::wire {

enum class IsolationLevel : int8_t {
  kReadUncommitted = 0,  // up to the high watermark
  kReadCommitted = 1,    // up to the last stable offset, with the list of aborted transactions
};

}  // namespace millrace::wire

// INVARIANT(condition): a fact that only a bug of ours can make false. It is checked in every
// build and stops the process, because going on would risk records. Data that comes from outside
// (a socket, a file, a configuration) is never INVARIANT-ed: it is checked and refused.
#pragma once

namespace millrace {

[[noreturn]] void InvariantFailed(const char* condition, const char* file, int line);

}  // namespace millrace

#define INVARIANT(condition)                           \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::millrace::InvariantFailed(#condition, __FILE__, __LINE__))

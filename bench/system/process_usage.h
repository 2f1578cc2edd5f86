// What a process has used up so far, from /proc: the difference over a window is its cost.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <sys/types.h>

namespace millrace::bench {

struct ProcessUsage {
  double cpu_seconds = 0;  // user and system, all threads
  int64_t minor_faults = 0;
  int64_t voluntary_switches = 0;    // of the threads that live now
  int64_t involuntary_switches = 0;  // likewise
};

// Ends the program when there is no such process.
ProcessUsage ReadProcessUsage(pid_t pid);

// CPU seconds that the whole machine was busy, kernel threads such as write-back included.
double ReadMachineBusySeconds();

// The counters of bench/system/count_allocations.c.
struct AllocationCounts {
  uint64_t allocations = 0;  // calls of malloc, calloc, realloc and the aligned ones together
  uint64_t bytes = 0;
};
// Zeros when `path` is empty.
AllocationCounts ReadAllocationCounts(const std::string& path);

}  // namespace millrace::bench

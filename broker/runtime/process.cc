#include "broker/runtime/process.h"

#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

namespace millrace {

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  std::ifstream pages("/proc/self/statm");
  int64_t size = 0;
  int64_t resident = 0;
  if (pages >> size >> resident) usage.resident_bytes = resident * ::sysconf(_SC_PAGESIZE);
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) != 0) return usage;
  constexpr double kMicrosecond = 1e-6;
  usage.cpu_seconds =
      static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
      kMicrosecond * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
  return usage;
}

}  // namespace millrace

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

size_t DescriptorsMax() {
  constexpr size_t kUsual = 1024;
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<size_t>(limit.rlim_cur) : kUsual;
}

size_t MappingsMax() {
  constexpr size_t kUsual = 65'530;
  std::ifstream file("/proc/sys/vm/max_map_count");
  size_t most = 0;
  return file >> most ? most : kUsual;
}

}  // namespace millrace

// What the process takes from the machine, as the kernel counts it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace {

struct ProcessUsage {
  int64_t resident_bytes = 0;
  double cpu_seconds = 0;
};

ProcessUsage ReadProcessUsage();

// How many descriptors and how many mappings the process may have.
size_t DescriptorsMax();
size_t MappingsMax();

}  // namespace millrace

#include "bench/system/process_usage.h"

#include <dirent.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include "bench/system/fatal.h"

namespace millrace::bench {
namespace {

double SecondsPerTick() { return 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK)); }

void AddSwitches(const std::string& status_path, ProcessUsage& usage) {
  std::ifstream status(status_path);
  std::string name;
  while (status >> name) {
    int64_t value = 0;
    if (name == "voluntary_ctxt_switches:" && status >> value) usage.voluntary_switches += value;
    if (name == "nonvoluntary_ctxt_switches:" && status >> value) {
      usage.involuntary_switches += value;
    }
  }
}

}  // namespace

ProcessUsage ReadProcessUsage(pid_t pid) {
  std::string directory = "/proc/" + std::to_string(pid);
  std::ifstream file(directory + "/stat");
  std::stringstream content;
  content << file.rdbuf();
  std::string text = content.str();
  size_t name_end = text.rfind(')');  // the name may hold spaces
  if (name_end == std::string::npos) Die("there is no process " + std::to_string(pid));
  std::istringstream fields(text.substr(name_end + 2));
  std::string skipped;
  int64_t minor_faults = 0;
  uint64_t user = 0;
  uint64_t system = 0;
  for (int i = 3; i < 10; ++i) fields >> skipped;  // fields 3 to 9 of proc(5)
  fields >> minor_faults >> skipped >> skipped >> skipped >> user >> system;
  ProcessUsage usage{.cpu_seconds = static_cast<double>(user + system) * SecondsPerTick(),
                     .minor_faults = minor_faults};
  std::string tasks = directory + "/task";
  if (DIR* threads = ::opendir(tasks.c_str()); threads != nullptr) {
    while (const dirent* entry = ::readdir(threads)) {
      if (entry->d_name[0] != '.') AddSwitches(tasks + "/" + entry->d_name + "/status", usage);
    }
    ::closedir(threads);
  }
  return usage;
}

double ReadMachineBusySeconds() {
  std::ifstream stat("/proc/stat");
  std::string name;
  uint64_t user = 0;
  uint64_t nice = 0;
  uint64_t system = 0;
  uint64_t idle = 0;
  uint64_t iowait = 0;
  uint64_t irq = 0;
  uint64_t softirq = 0;
  stat >> name >> user >> nice >> system >> idle >> iowait >> irq >> softirq;
  return static_cast<double>(user + nice + system + irq + softirq) * SecondsPerTick();
}

AllocationCounts ReadAllocationCounts(const std::string& path) {
  AllocationCounts counts;
  if (path.empty()) return counts;
  std::ifstream file(path, std::ios::binary);
  std::array<uint64_t, 2> raw{};
  file.read(reinterpret_cast<char*>(raw.data()), sizeof(raw));
  if (!file) Die("cannot read the allocation counts in " + path);
  return {.allocations = raw[0], .bytes = raw[1]};
}

}  // namespace millrace::bench

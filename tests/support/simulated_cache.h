// Which pages of a simulated disk's files are in memory, and who asked for them. Everything is
// resident until it is evicted.
//
// Not thread-safe: FaultFileSystem holds its mutex around every call.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace millrace::test {

class SimulatedCache {
 public:
  // The range of one call.
  struct Call {
    std::string path;
    int64_t position;
    int64_t length;
    friend bool operator==(const Call&, const Call&) = default;
  };

  // Files whose paths contain the text have no page in memory until one is loaded or written.
  void Evict(const std::string& path_contains);
  bool IsResident(const std::string& path, int64_t position, int64_t length) const;
  void OnRead(const std::string& path, int64_t position, int64_t length);
  void OnWrite(const std::string& path, int64_t position, int64_t length);
  void Load(const std::string& path, int64_t position, int64_t length);
  void Release(const std::string& path, int64_t position, int64_t length);

  const std::vector<Call>& loads() const { return loads_; }
  const std::vector<Call>& releases() const { return releases_; }
  // Reads of what was not resident.
  int64_t cold_reads() const { return cold_reads_; }

 private:
  static constexpr int64_t kPageBytes = 4096;

  bool WasEvicted(const std::string& path) const;
  void Add(const std::string& path, int64_t position, int64_t length);

  std::vector<std::string> evicted_;
  std::map<std::string, std::set<int64_t>> resident_;  // pages of files that were evicted
  std::vector<Call> loads_;
  std::vector<Call> releases_;
  int64_t cold_reads_ = 0;
};

}  // namespace millrace::test

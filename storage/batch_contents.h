// Whether what stands in an intact batch makes sense: its header, and every record in it,
// compressed ones included.
//
// One object per thread: it keeps the memory that batches are decompressed into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/record/batch.h"
#include "storage/finding.h"

namespace millrace::storage {

class BatchContents {
 public:
  // A batch that takes more than `max_bytes` decompressed is not looked into.
  explicit BatchContents(size_t max_bytes) : max_bytes_(max_bytes) {}

  struct Fault {
    Severity severity;
    FindingKind kind;
    std::string what;
  };
  // Precondition: record::IsIntact(batch).
  std::optional<Fault> Check(std::span<const std::byte> batch);

 private:
  std::optional<Fault> CheckRecords(const record::BatchView& batch,
                                    std::span<const std::byte> block) const;

  size_t max_bytes_;
  std::vector<std::byte> memory_;
};

}  // namespace millrace::storage

// Walks the batches in a range of a log file: HeaderWalk by their headers alone, BatchScan whole
// and with their checksums.
//
//   HeaderWalk walk(*file, position, end);
//   while (true) {
//     auto spot = walk.Next();
//     if (!spot.ok() || !spot->has_value()) break;  // damaged, or the end
//     ... **spot, walk.header() ...
//   }
//
// One thread each; the file must outlive them. They read through ReadAt, so they block where pages
// are not resident, unless a PageProbe is asked first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/record/batch.h"
#include "proto/types.h"
#include "storage/file_system.h"
#include "storage/page_probe.h"

namespace millrace::storage {

// Where a batch stands in its segment's log file.
struct BatchSpot {
  Offset base_offset;
  Offset last_offset;
  int64_t position = 0;
  int64_t size = 0;
  TimestampMs max_timestamp;  // -1: no record has one, or there is no record
};

BatchSpot SpotOf(const record::BatchView& batch, int64_t position);

// Allocates nothing; 4 KiB of stack.
class HeaderWalk {
 public:
  HeaderWalk(const File& file, int64_t position, int64_t end, PageProbe* probe = nullptr)
      : file_(file), position_(position), end_(end), probe_(probe) {}

  // None at the end of the range. DataLossError when what follows cannot be a batch that lies
  // within the range; UnavailableError when the probe does not allow to read it.
  absl::StatusOr<std::optional<BatchSpot>> Next();
  // The header of the batch that Next() found last.
  record::BatchView header() const;

 private:
  static constexpr size_t kBufferBytes = 4096;

  const File& file_;
  int64_t position_;
  int64_t end_;
  PageProbe* probe_;
  std::array<std::byte, kBufferBytes> buffer_;
  int64_t buffer_position_ = 0;
  size_t buffered_ = 0;
  size_t header_at_ = 0;
};

class BatchScan {
 public:
  static constexpr size_t kBufferBytes = 1 << 20;

  // Reads so many bytes at a time, or a whole batch where that is larger.
  BatchScan(const File& file, int64_t position, int64_t end, size_t buffer_bytes = kBufferBytes);

  // The next batch, valid until the next call; none at the end of the range and before the first
  // bytes that are not one intact batch with an offset >= the end of the one before it.
  absl::StatusOr<std::optional<std::span<const std::byte>>> Next();
  // Where the batch that Next() would return starts.
  int64_t position() const { return position_; }

  // Whether an intact batch with an offset >= `expected` starts anywhere in the range.
  static absl::StatusOr<bool> FindIntact(const File& file, int64_t position, int64_t end,
                                         Offset expected);

 private:
  // Makes `size` bytes at `position` readable; fewer only where the file ends early.
  absl::StatusOr<std::span<const std::byte>> Bytes(int64_t position, size_t size);

  const File& file_;
  int64_t position_;
  int64_t end_;
  size_t buffer_bytes_;
  Offset expected_{0};
  std::vector<std::byte> buffer_;
  int64_t buffer_position_ = 0;
  size_t buffered_ = 0;
};

}  // namespace millrace::storage

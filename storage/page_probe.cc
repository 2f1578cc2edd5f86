#include "storage/page_probe.h"

#include <algorithm>

#include "proto/invariant.h"

namespace millrace::storage {

bool PageProbe::AllowsIndex(const std::shared_ptr<File>& index, int64_t bytes) {
  if (index->IsResident(0, bytes)) return true;
  missing_ = {.file = index, .position = 0, .size = bytes};
  return false;
}

bool PageProbe::AllowsLog(int64_t position, int64_t length, int64_t end) {
  INVARIANT(position + length <= end);
  if (position >= begin_ && position + length <= end_) return true;
  const int64_t wanted = std::min(std::max(length, wanted_bytes_), end - position);
  begin_ = end_ = position;
  if (files_.log->IsResident(position, wanted)) {
    end_ = position + wanted;
  } else if (length < wanted && files_.log->IsResident(position, length)) {
    end_ = position + length;
  } else {
    missing_ = {.file = files_.log, .position = position, .size = wanted};
    return false;
  }
  return true;
}

}  // namespace millrace::storage

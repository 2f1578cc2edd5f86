#include "broker/partition/cold_readers.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace millrace::partition {

namespace {

constexpr size_t kReadersMax = 16;
constexpr size_t kFilesMax = 16;
// Whoever has not read for so long has gone.
constexpr int64_t kForgetMs = 30'000;
constexpr int64_t kWindowFirst = 1 << 20;
constexpr int64_t kWindowMax = 8 << 20;
// Less is given back only with the end of a range: each call costs something.
constexpr int64_t kReleaseBytesMin = 1 << 20;

}  // namespace

ColdReaders::ColdFile* ColdReaders::Find(const FileRef& file) {
  for (ColdFile& known : files_) {
    if (IsSame(known.file, file)) return &known;
  }
  return nullptr;
}

storage::FileSlice ColdReaders::Unknown(const FilePtr& file, int64_t position) const {
  int64_t end = std::numeric_limits<int64_t>::max();
  for (const ColdFile& known : files_) {
    if (IsSame(known.file, file)) end = std::max(known.known_from, position);
  }
  return {.file = file, .position = position, .size = end - position};
}

void ColdReaders::OnSurvey(const storage::FileSlice& asked,
                           const std::vector<storage::FileSlice>& cold, MonotonicMs now) {
  ColdFile* known = Find(asked.file);
  if (known == nullptr) {
    // What is forgotten stays in the page cache until the kernel needs the memory.
    if (files_.size() >= kFilesMax) files_.erase(files_.begin());
    known = &files_.emplace_back(ColdFile{.file = asked.file, .known_from = asked.position});
  } else if (asked.position >= known->known_from) {
    return;  // two asked at the same time
  }
  known->known_from = asked.position;
  known->last = now;
  for (const storage::FileSlice& range : cold) {
    known->cold.push_back({range.position, range.position + range.size});
  }
}

ColdReaders::Plan ColdReaders::OnRead(const storage::FileSlice& slice, bool is_active,
                                      MonotonicMs now) {
  Forget(now);
  Reader& reader = ReaderOf(slice, now);
  if (slice.position > reader.begin) {
    reader.window = std::clamp(2 * reader.window, kWindowFirst, kWindowMax);
  }
  reader.begin = slice.position;
  reader.end = slice.position + slice.size;
  reader.last = now;
  Plan plan;
  ColdFile* file = Find(reader.file);
  if (file != nullptr) {
    plan.ahead = Ahead(reader);
    file->touched_to = std::max({file->touched_to, reader.end, reader.ahead_to});
    file->last = now;
  }
  plan.behind = TakePassed(is_active ? &reader.file : nullptr, now);
  return plan;
}

// Readers that have gone, and files that nobody has open any more.
void ColdReaders::Forget(MonotonicMs now) {
  std::erase_if(readers_, [&](const Reader& reader) {
    return reader.file.expired() || reader.last + kForgetMs < now;
  });
  std::erase_if(files_, [](const ColdFile& known) { return known.file.expired(); });
}

ColdReaders::Reader& ColdReaders::ReaderOf(const storage::FileSlice& slice, MonotonicMs now) {
  for (Reader& reader : readers_) {
    const bool follows = slice.position >= reader.begin && slice.position <= reader.end;
    if (follows && IsSame(reader.file, slice.file)) return reader;
  }
  if (readers_.size() >= kReadersMax) {
    readers_.erase(
        std::min_element(readers_.begin(), readers_.end(),
                         [](const Reader& a, const Reader& b) { return a.last < b.last; }));
  }
  readers_.push_back({.file = slice.file, .begin = slice.position, .last = now});
  return readers_.back();
}

// Asked for again when half of the window is used up, so that each load is large.
storage::FileSlice ColdReaders::Ahead(Reader& reader) {
  if (reader.window == 0 || reader.ahead_to - reader.end >= reader.window / 2) return {};
  const int64_t from = std::max(reader.ahead_to, reader.end);
  reader.ahead_to = reader.end + reader.window;
  auto file = reader.file.lock();
  if (file == nullptr) return {};
  return {.file = std::move(file), .position = from, .size = reader.ahead_to - from};
}

std::vector<storage::FileSlice> ColdReaders::TakePassed(const FileRef* active, MonotonicMs now) {
  std::vector<storage::FileSlice> passed;
  for (ColdFile& known : files_) {
    auto file = known.file.lock();
    if (file == nullptr || (active != nullptr && IsSame(known.file, *active))) continue;
    const int64_t in_use = FirstInUse(known, now);
    for (Range& range : known.cold) {
      const int64_t to = std::min(range.end, in_use);
      const int64_t size = to - range.begin;
      if (size <= 0 || (size < kReleaseBytesMin && to < range.end)) continue;
      passed.push_back({.file = file, .position = range.begin, .size = size});
      range.begin = to;
    }
    std::erase_if(known.cold, [](const Range& range) { return range.begin >= range.end; });
  }
  // A file that nobody reads any more is looked at anew when somebody does.
  std::erase_if(files_, [&](const ColdFile& known) { return known.last + kForgetMs < now; });
  return passed;
}

// The first byte that somebody may still want; beyond what was loaded where nobody does.
int64_t ColdReaders::FirstInUse(const ColdFile& known, MonotonicMs now) const {
  int64_t first = known.touched_to;
  bool has_reader = false;
  for (const Reader& reader : readers_) {
    if (!IsSame(reader.file, known.file)) continue;
    first = std::min(first, reader.begin);
    has_reader = true;
  }
  // Whoever has loaded something may not have read it yet.
  return has_reader || known.last + kForgetMs < now ? first : 0;
}

}  // namespace millrace::partition

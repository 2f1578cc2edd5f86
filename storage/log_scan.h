// Walks a log file batch by batch and does not stop at damage: it says what is wrong where, and
// goes on at the next intact batch. For tools that look at files; recovery has BatchScan, which
// stops.
//
//   LogScan scan(*file, base, end);
//   while (true) {
//     auto step = scan.Next();
//     if (!step.ok()) ...the device fails...
//     if (const auto* batch = std::get_if<LogScan::Intact>(&*step)) ...
//     else if (const auto* damage = std::get_if<LogScan::Damage>(&*step)) ...
//     else break;  // the end
//   }
//
// One thread; the file must outlive it. Reads ahead in pieces of 256 KiB and holds no more than
// that, or one batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/file_system.h"
#include "storage/finding.h"

namespace millrace::storage {

class LogScan {
 public:
  struct End {};
  // Length, magic and checksum are right (record::IsIntact); nothing else was looked at. The bytes
  // are valid until the next call.
  struct Intact {
    int64_t position = 0;
    std::span<const std::byte> batch;
  };
  struct Damage {
    int64_t position = 0;
    int64_t size = 0;  // up to the next intact batch, or to the end
    FindingKind kind = FindingKind::kMagic;
    std::string what;
    bool intact_follows = false;
  };
  using Step = std::variant<End, Intact, Damage>;

  // `base` is the segment's; a batch that is looked for behind damage has an offset of this
  // segment, so that bytes which only resemble a batch are not taken for one.
  LogScan(const File& file, Offset base, int64_t end) : file_(file), base_(base), end_(end) {}

  // Starts over at a position where a batch begins.
  void SkipTo(int64_t position) { position_ = position; }
  absl::StatusOr<Step> Next();

 private:
  struct Diagnosis {
    FindingKind kind;
    std::string what;
  };

  // The bytes at `position`: `size` of them, fewer only where the file ends early.
  absl::StatusOr<std::span<const std::byte>> Bytes(int64_t position, size_t size);
  // The intact batch at `position`; empty where none is.
  absl::StatusOr<std::span<const std::byte>> BatchAt(int64_t position);
  // Likewise, if it may be one of this segment behind the damage.
  absl::StatusOr<bool> MayResumeAt(int64_t position);
  // Why no intact batch stands at the position.
  absl::StatusOr<Diagnosis> Diagnose();
  absl::StatusOr<Diagnosis> DiagnoseBatch();
  absl::StatusOr<std::optional<Diagnosis>> LengthAloneIsWrong(int64_t resume);
  absl::StatusOr<bool> IsZeros();
  // Where the next intact batch starts; none: nowhere.
  absl::StatusOr<std::optional<int64_t>> FindNext(int64_t from);
  absl::StatusOr<Step> StepOverDamage();

  const File& file_;
  Offset base_;
  int64_t end_;
  int64_t position_ = 0;
  Offset expected_{0};  // no batch behind the last intact one starts below this
  std::vector<std::byte> buffer_;
  int64_t buffer_position_ = 0;
  size_t buffered_ = 0;
};

}  // namespace millrace::storage

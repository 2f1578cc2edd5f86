#include "storage/transaction_index.h"

#include <optional>

#include <fmt/format.h>

#include "storage/index_file.h"

namespace millrace::storage {

std::vector<AbortedTransaction> DecodeTransactionIndex(std::span<const std::byte> bytes) {
  std::vector<AbortedTransaction> entries;
  for (; bytes.size() >= AbortedTransaction::kEntryBytes;
       bytes = bytes.subspan(AbortedTransaction::kEntryBytes)) {
    const std::byte* at = bytes.data();
    entries.push_back({.version = LoadBig<int16_t>(at),
                       .producer = ProducerId(LoadBig<int64_t>(at + 2)),
                       .first_offset = Offset(LoadBig<int64_t>(at + 10)),
                       .last_offset = Offset(LoadBig<int64_t>(at + 18)),
                       .last_stable_offset = Offset(LoadBig<int64_t>(at + 26))});
  }
  return entries;
}

absl::Status CheckTransactionIndex(std::span<const std::byte> bytes, Offset base, Offset end) {
  if (bytes.size() % AbortedTransaction::kEntryBytes != 0) {
    return absl::DataLossError(fmt::format("{} bytes are no whole entries of {}", bytes.size(),
                                           AbortedTransaction::kEntryBytes));
  }
  std::optional<Offset> last;
  for (const AbortedTransaction& entry : DecodeTransactionIndex(bytes)) {
    const bool is_sound =
        entry.version == 0 && entry.producer.value() >= 0 && entry.first_offset.value() >= 0 &&
        entry.first_offset <= entry.last_offset && entry.last_offset >= base &&
        entry.last_offset < end && (!last.has_value() || *last < entry.last_offset);
    if (!is_sound) {
      return absl::DataLossError(
          fmt::format("the entry of producer {} (version {}, offsets {} to {}) cannot be one of "
                      "this segment",
                      entry.producer.value(), entry.version, entry.first_offset.value(),
                      entry.last_offset.value()));
    }
    last = entry.last_offset;
  }
  return absl::OkStatus();
}

}  // namespace millrace::storage

// The text form that Kafka's checkpoint files share: a version line "0", a line with the number of
// entries, then one entry per line, its fields separated by a space.
//
// Pure. A reader must not outlive its text. Every fault is a DataLossError that names the line.
// Format: docs/formats/checkpoints.md.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace millrace::storage {

// The version line and the line with the count.
std::string CheckpointHeader(size_t entries);

class CheckpointReader {
 public:
  explicit CheckpointReader(std::string_view text) : rest_(text) {}

  absl::Status ReadHeader();
  // Whether the header announced more entries than were read.
  bool HasEntry() const { return entries_left_ > 0; }
  // The fields of the next entry. Precondition: HasEntry().
  absl::StatusOr<std::vector<std::string_view>> NextEntry(size_t fields);
  // OK when nothing follows the last entry.
  absl::Status CheckEnd() const;
  // A fault of the line that was read last.
  absl::Status Fault(std::string_view what) const;

 private:
  // The next line without its end; none when the text ends before a newline.
  std::optional<std::string_view> NextLine();

  std::string_view rest_;
  std::string_view line_;
  size_t line_number_ = 0;
  size_t entries_left_ = 0;
};

// The number, when `text` is nothing else and it is not negative.
template <std::signed_integral T>
std::optional<T> ParseNumber(std::string_view text) {
  T value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end || value < 0) return std::nullopt;
  return value;
}

}  // namespace millrace::storage

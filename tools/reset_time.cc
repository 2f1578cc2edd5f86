#include "tools/reset_time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include <absl/strings/ascii.h>
#include <absl/time/time.h>
#include <fmt/format.h>

namespace millrace::tools {

namespace {

constexpr std::array kFormats = {"%Y-%m-%d%ET%H:%M:%E*S%Ez", "%Y-%m-%d%ET%H:%M:%E*S",
                                 "%Y-%m-%d%ET%H:%M%Ez", "%Y-%m-%d%ET%H:%M", "%Y-%m-%d"};
constexpr int64_t kSecondMs = 1000;
constexpr int64_t kMinuteMs = 60 * kSecondMs;
constexpr int64_t kHourMs = 60 * kMinuteMs;
constexpr int64_t kDayMs = 24 * kHourMs;
constexpr int64_t kWeekMs = 7 * kDayMs;
constexpr size_t kFractionDigitsMax = 9;

struct Unit {
  char letter;
  bool is_time;  // stands behind the T
  int64_t ms;
};
// In the order in which they may stand.
constexpr std::array kUnits = {Unit{'W', false, kWeekMs}, Unit{'D', false, kDayMs},
                               Unit{'H', true, kHourMs}, Unit{'M', true, kMinuteMs},
                               Unit{'S', true, kSecondMs}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// What is read of a duration so far.
struct DurationText {
  std::string_view rest;
  bool is_time = false;
  size_t unit = 0;  // the first that may still follow
  int64_t total_ms = 0;

  std::string_view TakeDigits() {
    size_t count = std::find_if_not(rest.begin(), rest.end(), IsDigit) - rest.begin();
    std::string_view digits = rest.substr(0, count);
    rest.remove_prefix(count);
    return digits;
  }
  // One number with its unit. False when it is none, or too much.
  bool TakePart();
};

bool DurationText::TakePart() {
  std::string_view digits = TakeDigits();
  int64_t count = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error != std::errc() || end != digits.data() + digits.size()) return false;
  int64_t fraction_ms = 0;
  bool has_fraction = rest.starts_with('.');
  if (has_fraction) {
    rest.remove_prefix(1);
    std::string_view fraction = TakeDigits();
    if (fraction.empty() || fraction.size() > kFractionDigitsMax) return false;
    std::string three(fraction.substr(0, 3));
    three.resize(3, '0');
    for (char c : three) fraction_ms = fraction_ms * 10 + (c - '0');
  }
  if (rest.empty()) return false;
  char letter = absl::ascii_toupper(static_cast<unsigned char>(rest.front()));
  rest.remove_prefix(1);
  while (unit < kUnits.size() &&
         (kUnits[unit].letter != letter || kUnits[unit].is_time != is_time)) {
    ++unit;
  }
  if (unit == kUnits.size() || (has_fraction && letter != 'S')) return false;
  int64_t part_ms = 0;
  if (__builtin_mul_overflow(count, kUnits[unit++].ms, &part_ms)) return false;
  if (__builtin_add_overflow(total_ms, part_ms, &total_ms)) return false;
  return !__builtin_add_overflow(total_ms, fraction_ms, &total_ms);
}

absl::Status NoDuration(std::string_view text) {
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is no duration: write it like PT1H30M, P7D or P1DT12H, without years and months",
      text));
}

}  // namespace

absl::StatusOr<TimestampMs> ParseDateTime(std::string_view text) {
  // absl also takes blanks and words like infinite-past.
  bool looks_right = !text.empty() && IsDigit(text.front()) &&
                     text.find_first_of(" \t\r\n") == std::string_view::npos;
  for (const char* format : kFormats) {
    absl::Time time;
    std::string error;
    std::string given(text);
    if (!looks_right || !absl::ParseTime(format, given, absl::UTCTimeZone(), &time, &error)) {
      continue;
    }
    int64_t milliseconds = absl::ToUnixMillis(time);
    if (milliseconds >= 0) return TimestampMs(milliseconds);
    return absl::InvalidArgumentError(fmt::format("'{}' is before 1970", text));
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is no date and time: write it like 2024-02-29T12:30:45.678, with Z or "
                  "+01:00 behind it if need be (without, it is UTC)",
                  text));
}

absl::StatusOr<int64_t> ParseDurationMs(std::string_view text) {
  DurationText duration{.rest = text};
  if (text.empty() || absl::ascii_toupper(static_cast<unsigned char>(text.front())) != 'P') {
    return NoDuration(text);
  }
  duration.rest.remove_prefix(1);
  if (duration.rest.empty()) return NoDuration(text);
  while (!duration.rest.empty()) {
    bool is_t = duration.rest.front() == 'T' || duration.rest.front() == 't';
    if (is_t && !duration.is_time) {
      duration.is_time = true;
      duration.rest.remove_prefix(1);
    }
    if (!duration.TakePart()) return NoDuration(text);
  }
  return duration.total_ms;
}

}  // namespace millrace::tools

#include "tools/dump_text.h"

#include <algorithm>
#include <cstdint>
#include <ctime>

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include "proto/cut_text.h"

namespace millrace::tools {
namespace {

constexpr int64_t kMsPerSecond = 1000;
constexpr unsigned char kContinuationMask = 0xc0, kContinuation = 0x80;

// How many bytes the character at the front has; 0 where none is, by Unicode's table of well-formed
// sequences.
size_t CharacterBytes(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((at(i) & kContinuationMask) != kContinuation) return 0;
  }
  const unsigned char second = at(1);
  const bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool is_no_scalar = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return is_overlong || is_no_scalar ? 0 : size;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t size = CharacterBytes(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

// C0 and C1 controls, DEL, and the backslash that escapes begin with.
bool MustEscape(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7f || first == '\\';
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

}  // namespace

std::string EscapedText(std::string_view bytes, size_t bytes_max) {
  std::string_view rest = CutText(bytes, bytes_max);
  const size_t shown = rest.size();
  std::string out;
  while (!rest.empty()) {
    const size_t size = CharacterBytes(rest);
    const std::string_view character = rest.substr(0, size == 0 ? 1 : size);
    if (size == 0 || MustEscape(character)) {
      for (const char byte : character) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
      }
    } else {
      out += character;
    }
    rest.remove_prefix(character.size());
  }
  if (shown < bytes.size()) out += fmt::format("... ({} bytes)", bytes.size());
  return out;
}

void PutBytes(boost::json::object& object, std::string_view name,
              std::optional<std::string_view> bytes, size_t bytes_max) {
  if (!bytes.has_value()) {
    object[name] = nullptr;
    return;
  }
  const std::string_view shown = CutText(*bytes, bytes_max);
  if (IsUtf8(shown)) {
    object[name] = shown;
  } else {
    object[std::string(name) + "Base64"] =
        absl::Base64Escape({bytes->data(), std::min(bytes->size(), bytes_max)});
  }
  if (shown.size() < bytes->size()) object[std::string(name) + "Bytes"] = bytes->size();
}

std::string TimeText(TimestampMs time) {
  if (time.value() < 0) return "none";
  const time_t seconds = time.value() / kMsPerSecond;
  struct tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return fmt::format("{}", time.value());
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     time.value() % kMsPerSecond);
}

}  // namespace millrace::tools

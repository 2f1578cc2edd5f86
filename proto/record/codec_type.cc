#include "proto/record/codec_type.h"

#include <array>

namespace millrace::record {
namespace {

// By number in the batch attributes.
constexpr std::array<std::string_view, 5> kNames = {"none", "gzip", "snappy", "lz4", "zstd"};

}  // namespace

std::string_view CodecName(CodecType codec) { return kNames[static_cast<size_t>(codec)]; }

std::optional<CodecType> CodecByName(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<CodecType>(i);
  }
  return std::nullopt;
}

}  // namespace millrace::record

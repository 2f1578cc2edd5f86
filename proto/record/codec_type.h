// The compression codecs of record batches, by their number in the batch attributes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::record {

enum class CodecType : uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

// "none", "gzip", "snappy", "lz4", "zstd": the values of Kafka's compression.type.
std::string_view CodecName(CodecType codec);
std::optional<CodecType> CodecByName(std::string_view name);

}  // namespace millrace::record

// Where the fields of a batch header stand, for the files of this folder that read or write one.
// Everything is big-endian. Format: docs/formats/record-batch.md.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace millrace::record {

inline constexpr size_t kBaseOffsetAt = 0;
inline constexpr size_t kBatchLengthAt = 8;
inline constexpr size_t kLeaderEpochAt = 12;
inline constexpr size_t kMagicAt = 16;
inline constexpr size_t kCrcAt = 17;
inline constexpr size_t kAttributesAt = 21;  // the CRC covers everything from here on
inline constexpr size_t kLastOffsetDeltaAt = 23;
inline constexpr size_t kBaseTimestampAt = 27;
inline constexpr size_t kMaxTimestampAt = 35;
inline constexpr size_t kProducerIdAt = 43;
inline constexpr size_t kProducerEpochAt = 51;
inline constexpr size_t kBaseSequenceAt = 53;
inline constexpr size_t kRecordCountAt = 57;

inline constexpr size_t kBatchHeaderBytes = kRecordCountAt + sizeof(int32_t);
// Base offset and length: what stands before the bytes that batch_length counts.
inline constexpr size_t kBatchPrefixBytes = kBatchLengthAt + sizeof(int32_t);

inline constexpr int16_t kCodecMask = 0x07;
inline constexpr int16_t kLogAppendTimeBit = 0x08;
inline constexpr int16_t kTransactionalBit = 0x10;
inline constexpr int16_t kControlBit = 0x20;
inline constexpr int16_t kDeleteHorizonBit = 0x40;

// What the header holds where there is no leader epoch, producer or timestamp.
inline constexpr int64_t kAbsent = -1;

template <std::signed_integral T>
constexpr auto SwapToBigEndian(T value) {
  static_assert(std::endian::native == std::endian::little);
  auto raw = static_cast<std::make_unsigned_t<T>>(value);
  if constexpr (sizeof(T) == 2) raw = __builtin_bswap16(raw);
  if constexpr (sizeof(T) == 4) raw = __builtin_bswap32(raw);
  if constexpr (sizeof(T) == 8) raw = __builtin_bswap64(raw);
  return static_cast<T>(raw);
}

// Precondition of both: sizeof(T) bytes at `at`.
template <std::signed_integral T>
T LoadBigEndian(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return SwapToBigEndian(value);
}

template <std::signed_integral T>
void StoreBigEndian(std::byte* at, T value) {
  const T swapped = SwapToBigEndian(value);
  std::memcpy(at, &swapped, sizeof(T));
}

}  // namespace millrace::record

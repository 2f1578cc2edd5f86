// The wire codec: one Describe() per message serves for reading and writing, over all versions.
//
//   struct Pair {
//     std::string_view name;
//     std::optional<LeaderEpoch> leader_epoch;   // -1 on the wire means none
//   };
//   template <class Archive>
//   void Describe(Archive& ar, Pair& pair) {
//     ar.Field(pair.name);
//     if (ar.Since(7)) ar.Optional(pair.leader_epoch);   // Before(7) is the opposite
//     ar.Tags();                                 // ends every struct; writes only where flexible
//   }
//
// `Reader` (reader.h) fills a message whose strings and bytes are views into the frame and whose
// arrays lie in an arena; `Writer` (writer.h) appends to a ByteBuffer. Field() takes the type from
// the member: integers, enums, bool, double, strong ids, TopicId, std::string_view and Bytes (not
// nullable), std::optional of these two (nullable), Array<T> and std::optional<Array<T>>, and
// structs with a Describe of their own. NullableSince(version, member) is a member that may be null
// only from that version on: before it, null is refused when read and written as empty. A message
// that is written is never changed. Format: docs/formats/wire.md.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "proto/types.h"
#include "proto/wire/api_key.h"
#include "proto/wire/arena.h"

namespace millrace::wire {

using Bytes = std::span<const std::byte>;

// Versions of a message that its Describe() knows, and the first that uses compact lengths and
// tagged fields (kNeverFlexible where none does).
struct MessageInfo {
  ApiKey key;
  int16_t min_version;
  int16_t max_version;
  int16_t flexible_from;

  constexpr bool Knows(int16_t version) const {
    return version >= min_version && version <= max_version;
  }
  constexpr bool IsFlexible(int16_t version) const { return version >= flexible_from; }
};
inline constexpr int16_t kNeverFlexible = 0x7fff;

// Record batches inside a message. Read: a view of the frame. Written: `bytes`, or only the length
// of records that the connection will send from a file (`external_size`), see Writer::splices().
struct Records {
  std::optional<Bytes> bytes;
  std::optional<uint32_t> external_size;
};

// Kafka's limit for strings, also where the length is a varint.
inline constexpr size_t kStringBytesMax = 0x7fff;

// A tagged field of a flexible struct; written only when it has a value. Before version `since` the
// number is unknown: skipped when read, not written.
template <class T>
struct Tag {
  uint32_t number;
  std::optional<T>& field;
  int16_t since = 0;
};
template <class T>
Tag(uint32_t, std::optional<T>&) -> Tag<T>;
template <class T>
Tag(uint32_t, std::optional<T>&, int16_t) -> Tag<T>;

template <class T>
concept WireInteger = std::integral<T> && !std::same_as<T, bool>;

template <class T>
concept WireEnum = std::is_enum_v<T>;

template <class T>
concept WireId = requires(T t) {
  typename T::Value;
  { t.value() } -> std::same_as<typename T::Value>;
};

}  // namespace millrace::wire

// Strong id types: an offset is never mistaken for a position, nor an epoch for a count.
//
// Every type here is a trivially copyable value. The wire's sentinel values (usually -1 for "none")
// are translated to std::optional where messages are read, so none of these types has an
// "unset" state of its own.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

namespace millrace {

template <class Tag, class Rep>
class StrongId {
 public:
  using Value = Rep;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}

  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

  template <class H>
  friend H AbslHashValue(H h, StrongId id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  Rep value_{};
};

// A strong type that also counts: a difference of two is a plain number.
template <class Tag, class Rep>
class StrongCount {
 public:
  using Value = Rep;

  constexpr StrongCount() = default;
  constexpr explicit StrongCount(Rep value) : value_(value) {}

  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(StrongCount, StrongCount) = default;
  friend constexpr StrongCount operator+(StrongCount a, Rep n) { return StrongCount(a.value_ + n); }
  friend constexpr StrongCount operator-(StrongCount a, Rep n) { return StrongCount(a.value_ - n); }
  friend constexpr Rep operator-(StrongCount a, StrongCount b) { return a.value_ - b.value_; }

  template <class H>
  friend H AbslHashValue(H h, StrongCount id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  Rep value_{};
};

// The position of a record in a partition, counted from 0.
using Offset = StrongCount<struct OffsetTag, int64_t>;
// Milliseconds since 1970-01-01 UTC, as records carry them.
using TimestampMs = StrongCount<struct TimestampMsTag, int64_t>;
// Counts the leaders that a partition has had.
using LeaderEpoch = StrongId<struct LeaderEpochTag, int32_t>;
using BrokerId = StrongId<struct BrokerIdTag, int32_t>;
using PartitionIndex = StrongId<struct PartitionIndexTag, int32_t>;
using ProducerId = StrongId<struct ProducerIdTag, int64_t>;
using ProducerEpoch = StrongId<struct ProducerEpochTag, int16_t>;
// Counts the rebalances of a classic group.
using GenerationId = StrongCount<struct GenerationIdTag, int32_t>;
// Counts the assignments that a member of a consumer group has seen.
using MemberEpoch = StrongCount<struct MemberEpochTag, int32_t>;

// A UUID of version 4 that names a topic for its whole life; all zeros mean "none" on the wire.
struct TopicId {
  std::array<std::byte, 16> bytes{};

  friend constexpr auto operator<=>(const TopicId&, const TopicId&) = default;
  constexpr bool is_zero() const { return *this == TopicId{}; }

  template <class H>
  friend H AbslHashValue(H h, const TopicId& id) {
    // Ids are random: half of one is hash enough.
    uint64_t half;
    std::memcpy(&half, id.bytes.data(), sizeof(half));
    return H::combine(std::move(h), half);
  }
};

}  // namespace millrace

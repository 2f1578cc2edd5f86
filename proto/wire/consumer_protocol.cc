#include "proto/wire/consumer_protocol.h"

#include <algorithm>

#include "proto/invariant.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace millrace::wire {

namespace {

template <class Message>
std::optional<Message> Read(Bytes bytes, Arena& arena) {
  constexpr size_t kVersionBytes = sizeof(int16_t);
  if (bytes.size() < kVersionBytes) return std::nullopt;
  Reader head(bytes, 0, false, arena);
  int16_t version = 0;
  head.Field(version);
  if (version < 0) return std::nullopt;
  Reader reader(bytes.subspan(kVersionBytes), std::min(version, kConsumerProtocolVersionMax), false,
                arena);
  Message message;
  reader.Field(message);
  return reader.ok() ? std::optional(message) : std::nullopt;
}

template <class Message>
std::string Written(Message& message, int16_t version) {
  INVARIANT(version >= 0 && version <= kConsumerProtocolVersionMax);
  ByteBuffer buffer;
  Writer writer(buffer, version, false);
  writer.Field(version);
  writer.Field(message);
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

}  // namespace

std::optional<ConsumerProtocolSubscription> ReadSubscription(Bytes bytes, Arena& arena) {
  return Read<ConsumerProtocolSubscription>(bytes, arena);
}

std::optional<ConsumerProtocolAssignment> ReadAssignment(Bytes bytes, Arena& arena) {
  return Read<ConsumerProtocolAssignment>(bytes, arena);
}

int16_t ConsumerProtocolVersionOf(Bytes bytes) {
  Arena arena;
  Reader reader(bytes, 0, false, arena);
  int16_t version = 0;
  reader.Field(version);
  return std::clamp<int16_t>(reader.ok() ? version : 0, 0, kConsumerProtocolVersionMax);
}

std::string Encode(ConsumerProtocolSubscription subscription, int16_t version) {
  return Written(subscription, version);
}

std::string Encode(ConsumerProtocolAssignment assignment, int16_t version) {
  return Written(assignment, version);
}

}  // namespace millrace::wire

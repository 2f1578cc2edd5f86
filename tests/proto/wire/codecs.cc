#include "codecs.h"

#include <type_traits>

#include "support.h"

namespace millrace::wire {

namespace {

template <class Message>
Recoded Recode(Bytes bytes, int16_t version) {
  static_assert(std::is_trivially_destructible_v<Message>);
  Arena arena;
  Message message;
  Recoded recoded{.fault = DecodeMessage(bytes, version, arena, message)};
  recoded.allocated_bytes = arena.allocated_bytes();
  if (recoded.fault != nullptr) return recoded;
  ByteBuffer buffer;
  EncodeMessage(buffer, message, version);
  recoded.bytes.assign(buffer.bytes().begin(), buffer.bytes().end());
  return recoded;
}

template <class Message>
std::vector<std::byte> InventOddly(uint64_t seed, int16_t version,
                                   const OddWriter::Options& options, size_t* lengths) {
  Arena arena;
  auto message = InventMessage<Message>(seed, version, arena);
  return EncodeOddly(message, version, options, lengths);
}

struct AddCodec {
  template <class Message>
  void operator()(const std::string& kind) const {
    codecs.push_back({Message::kInfo, std::string(ApiName(Message::kInfo.key)) + " " + kind,
                      Recode<Message>, RandomMessage<Message>, InventOddly<Message>});
  }

  std::vector<MessageCodec>& codecs;
};

}  // namespace

const std::vector<MessageCodec>& MessageCodecs() {
  static const std::vector<MessageCodec> codecs = [] {
    std::vector<MessageCodec> every;
    ForEachMessage(AddCodec{every});
    return every;
  }();
  return codecs;
}

}  // namespace millrace::wire

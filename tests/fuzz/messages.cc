// The body of every request and response in every version. The first byte is the API's key, the
// second has the version and in its highest bit whether it is a response.
//
// What is decoded is encoded and decoded again, and must then encode to the same bytes; what is
// refused and what is read take no more memory than the arena allows.
#include <map>
#include <utility>

#include "tests/fuzz/input.h"
#include "tests/proto/wire/support.h"

namespace millrace::fuzz {
namespace {

using wire::Arena;
using wire::ByteBuffer;

constexpr size_t kArenaBytes = 256 << 10;
constexpr size_t kArenaChunkBytes = 4096;

template <class Message>
void ReadMessage(Bytes bytes, uint8_t chosen) {
  constexpr wire::MessageInfo kInfo = Message::kInfo;
  auto version = static_cast<int16_t>(chosen);
  if (!kInfo.Knows(version)) {
    version = static_cast<int16_t>(kInfo.min_version +
                                   chosen % (kInfo.max_version - kInfo.min_version + 1));
  }
  Arena arena(kArenaBytes);
  Message message;
  const char* fault = DecodeMessage(bytes, version, arena, message);
  INVARIANT(arena.allocated_bytes() <= kArenaBytes + kArenaChunkBytes);
  if (fault != nullptr) return;

  ByteBuffer first;
  INVARIANT(EncodeMessage(first, message, version).empty());
  Arena second_arena(kArenaBytes);
  Message again;
  INVARIANT(DecodeMessage(first.bytes(), version, second_arena, again) == nullptr);
  ByteBuffer second;
  EncodeMessage(second, again, version);
  INVARIANT(SameBytes(first.bytes(), second.bytes()));
}

using Read = void (*)(Bytes, uint8_t);

// By API key, requests and responses apart.
std::pair<std::map<uint8_t, Read>, std::map<uint8_t, Read>> AllMessages() {
  std::pair<std::map<uint8_t, Read>, std::map<uint8_t, Read>> all;
  wire::ForEachMessage([&]<class Message>(std::string_view kind) {
    auto& readers = kind == "request" ? all.first : all.second;
    readers[static_cast<uint8_t>(Message::kInfo.key)] = ReadMessage<Message>;
  });
  return all;
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::fuzz;
  static const auto kMessages = AllMessages();
  Input input(data, size);
  const uint8_t key = input.TakeByte();
  const uint8_t kind_and_version = input.TakeByte();
  const auto& readers = (kind_and_version & 0x80) != 0 ? kMessages.second : kMessages.first;
  auto found = readers.lower_bound(key % (readers.rbegin()->first + 1));
  found->second(input.TakeRest(), kind_and_version & 0x7f);
  return 0;
}

// Prints invented messages as our writer encodes them, one line each: "api kind version hex". Every
// message in every version: an empty one, some with the limits of every type, many ordinary ones.
// recode_test.py has Kafka's Java clients read them.
#include <cstdio>
#include <string>

#include "tests/proto/wire/codecs.h"
#include "tests/proto/wire/support.h"

namespace millrace::wire {
namespace {

constexpr uint64_t kLimitSamples = 5;
constexpr uint64_t kMixedSamples = 40;

void Print(const MessageCodec& codec, int16_t version, uint64_t seed, Taste taste) {
  std::string hex = ToHex(codec.invent(seed, version, taste));
  std::printf("%s %d %s\n", codec.name.c_str(), version, hex.c_str());
}

void PrintMessages(const MessageCodec& codec) {
  for (int16_t v = codec.info.min_version; v <= codec.info.max_version; ++v) {
    Print(codec, v, 1, Taste::kEmpty);
    for (uint64_t i = 1; i <= kLimitSamples; ++i) Print(codec, v, i, Taste::kLimits);
    for (uint64_t i = 1; i <= kMixedSamples; ++i) Print(codec, v, i, Taste::kMixed);
  }
}

template <class Header>
void PrintHeaders(const char* kind, int16_t version_max) {
  for (int16_t version = 0; version <= version_max; ++version) {
    for (uint64_t seed = 1; seed <= kMixedSamples; ++seed) {
      std::mt19937_64 random(seed);
      Arena arena;
      Randomizer randomizer(random, version, arena, Taste::kMixed);
      Header header;
      Describe(randomizer, header);
      ByteBuffer buffer;
      EncodeHeader(buffer, header, version);
      std::printf("Header %s %d %s\n", kind, version, ToHex(buffer.bytes()).c_str());
    }
  }
}

}  // namespace
}  // namespace millrace::wire

int main() {
  millrace::wire::PrintHeaders<millrace::wire::RequestHeader>("request", 2);
  millrace::wire::PrintHeaders<millrace::wire::ResponseHeader>("response", 1);
  for (const auto& codec : millrace::wire::MessageCodecs()) millrace::wire::PrintMessages(codec);
}

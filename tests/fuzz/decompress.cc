// The decompressors, with a limit on what may come out, and the compressors as their inverse. The
// first byte has the codec; its highest bit says that the rest is to be compressed first, the next
// that all is as in messages of magic 0.
#include "proto/record/compression.h"
#include "tests/fuzz/input.h"

namespace millrace::fuzz {
namespace {

using record::CodecType;

constexpr size_t kPlenty = 256 << 10;
// What stands before the output: it must stay.
constexpr size_t kPrefixBytes = 3;

struct Codec {
  CodecType type;
  bool is_magic_0;
};

struct Outcome {
  absl::Status status;
  std::vector<std::byte> bytes;
};

Outcome Decompress(Codec codec, Bytes in, size_t max_bytes) {
  std::vector<std::byte> out(kPrefixBytes, std::byte{0x5a});
  Outcome outcome;
  outcome.status = codec.is_magic_0 ? record::DecompressForMagic0(codec.type, in, max_bytes, out)
                                    : record::Decompress(codec.type, in, max_bytes, out);
  INVARIANT(out.size() >= kPrefixBytes);
  for (size_t i = 0; i < kPrefixBytes; ++i) INVARIANT(out[i] == std::byte{0x5a});
  outcome.bytes.assign(out.begin() + kPrefixBytes, out.end());
  if (outcome.status.ok()) {
    INVARIANT(outcome.bytes.size() <= max_bytes);
  } else {
    INVARIANT(outcome.bytes.empty());
    INVARIANT(absl::IsInvalidArgument(outcome.status) || absl::IsResourceExhausted(outcome.status));
  }
  return outcome;
}

// With more room comes the same; with too little, a refusal that says so.
void DecompressTwice(Codec codec, Bytes in, size_t max_bytes) {
  const Outcome tight = Decompress(codec, in, max_bytes);
  if (tight.status.ok()) {
    const Outcome exact = Decompress(codec, in, tight.bytes.size());
    INVARIANT(exact.status.ok() && exact.bytes == tight.bytes);
    if (tight.bytes.empty()) return;
    INVARIANT(absl::IsResourceExhausted(Decompress(codec, in, tight.bytes.size() - 1).status));
  } else if (absl::IsResourceExhausted(tight.status)) {
    const Outcome roomy = Decompress(codec, in, kPlenty);
    if (roomy.status.ok()) INVARIANT(roomy.bytes.size() > max_bytes);
  }
}

void CompressAndBack(Codec codec, std::optional<int> level, Bytes in) {
  std::vector<std::byte> packed;
  const record::Compression how{.codec = codec.type, .level = level};
  const absl::Status status = codec.is_magic_0 ? record::CompressForMagic0(how, in, packed)
                                               : record::Compress(how, in, packed);
  INVARIANT(status.ok());
  const Outcome back = Decompress(codec, packed, in.size());
  INVARIANT(back.status.ok());
  INVARIANT(SameBytes(back.bytes, in));
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::fuzz;
  Input input(data, size);
  const uint8_t how = input.TakeByte();
  const Codec codec{.type = static_cast<CodecType>(1 + (how & 0x3f) % 4),
                    .is_magic_0 = (how & 0x40) != 0};
  if ((how & 0x80) == 0) {
    const size_t max_bytes = input.Take<uint16_t>();
    DecompressTwice(codec, input.TakeRest(), max_bytes);
    return 0;
  }
  std::optional<int> level;
  // High levels of zstd take tens of megabytes and milliseconds, and no other path.
  if (const uint8_t chosen = input.TakeByte(); chosen != 0)
    level = static_cast<int>(chosen % 8) - 1;
  CompressAndBack(codec, level, input.TakeRest());
  return 0;
}

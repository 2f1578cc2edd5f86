// Numbers of variable length, as records have them and as flexible messages have them.
#include <limits>

#include "proto/record/varint.h"
#include "proto/wire/reader.h"
#include "tests/fuzz/input.h"

namespace millrace::fuzz {
namespace {

// What was read is written in no more bytes than it was read from and reads as the same.
template <class Number, class Take, class Append, class Size>
void ReadSigned(Bytes bytes, Take take, Append append, Size size_of) {
  while (!bytes.empty()) {
    const Bytes before = bytes;
    Number number = 0;
    if (!take(bytes, number)) {
      INVARIANT(bytes.data() == before.data() && bytes.size() == before.size());
      return;
    }
    const size_t taken = before.size() - bytes.size();
    INVARIANT(taken >= 1 && taken <= (sizeof(Number) * 8 + 6) / 7);
    std::vector<std::byte> written;
    append(number, written);
    INVARIANT(written.size() == size_of(number));
    INVARIANT(written.size() <= taken);
    Bytes rest = written;
    Number again = 0;
    INVARIANT(take(rest, again) && rest.empty() && again == number);
  }
}

void ReadUnsigned(Bytes bytes) {
  wire::Arena arena;
  wire::Reader reader(bytes, 0, true, arena);
  while (reader.remaining() > 0) {
    const size_t before = reader.position();
    const uint32_t number = reader.ReadUnsignedVarint();
    if (!reader.ok()) return;
    wire::ByteBuffer buffer;
    wire::Writer(buffer, 0, true).WriteUnsignedVarint(number);
    INVARIANT(buffer.size() <= reader.position() - before);
    wire::Reader again(buffer.bytes(), 0, true, arena);
    INVARIANT(again.ReadUnsignedVarint() == number && again.ok() && again.remaining() == 0);
  }
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  fuzz::Input input(data, size);
  const fuzz::Bytes bytes = input.TakeRest();
  fuzz::ReadSigned<int32_t>(
      bytes, [](auto& rest, int32_t& value) { return record::TakeVarint(rest, value); },
      record::AppendVarint, record::VarintSize);
  fuzz::ReadSigned<int64_t>(
      bytes, [](auto& rest, int64_t& value) { return record::TakeVarlong(rest, value); },
      record::AppendVarlong, record::VarlongSize);
  fuzz::ReadUnsigned(bytes);
  return 0;
}

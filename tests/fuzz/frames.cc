// The headers of requests and responses: what is read is written again and read as the same, and
// what PeekRequest() sees is what the whole header says.
#include <optional>

#include "proto/wire/frame.h"
#include "tests/fuzz/input.h"

namespace millrace::fuzz {
namespace {

using wire::ByteBuffer;

// Header encodings differ from the bytes they were read from only in unknown tags.
template <class Header, class Decode>
void WriteAgain(const Header& header, int16_t version, Decode decode) {
  ByteBuffer first;
  EncodeHeader(first, header, version);
  const auto again = decode(first.bytes(), version);
  INVARIANT(again.has_value());
  INVARIANT(again->body.empty());
  ByteBuffer second;
  EncodeHeader(second, again->header, version);
  INVARIANT(SameBytes(first.bytes(), second.bytes()));
}

void ReadRequest(Bytes frame, int16_t version) {
  const auto peeked = wire::PeekRequest(frame);
  const auto decoded = wire::DecodeRequestFrame(frame, version);
  if (!decoded.has_value()) return;
  INVARIANT(peeked.has_value());
  INVARIANT(peeked->api_key == decoded->header.api_key);
  INVARIANT(peeked->api_version == decoded->header.api_version);
  INVARIANT(peeked->correlation_id == decoded->header.correlation_id);
  INVARIANT(decoded->body.data() + decoded->body.size() == frame.data() + frame.size());
  INVARIANT(!wire::ApiName(decoded->header.api_key).empty());
  WriteAgain(decoded->header, version, wire::DecodeRequestFrame);
}

void ReadResponse(Bytes frame, int16_t version) {
  const auto decoded = wire::DecodeResponseFrame(frame, version);
  if (!decoded.has_value()) return;
  INVARIANT(decoded->body.data() + decoded->body.size() == frame.data() + frame.size());
  WriteAgain(decoded->header, version, wire::DecodeResponseFrame);
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::fuzz;
  Input input(data, size);
  const int kind = input.TakeByte() % 5;
  const Bytes frame = input.TakeRest();
  if (kind < 3) {
    ReadRequest(frame, static_cast<int16_t>(kind));
  } else {
    ReadResponse(frame, static_cast<int16_t>(kind - 3));
  }
  return 0;
}

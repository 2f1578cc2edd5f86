#include "proto/wire/frame.h"

#include <limits>
#include <utility>

namespace millrace::wire {

namespace {

// Headers hold no arrays.
template <class Header>
std::optional<std::pair<Header, Bytes>> DecodeHeader(Bytes frame, int16_t version, bool flexible) {
  Arena arena;
  Reader reader(frame, version, flexible, arena);
  Header header;
  Describe(reader, header);
  if (!reader.ok()) return std::nullopt;
  return std::pair(header, frame.subspan(reader.position()));
}

}  // namespace

std::optional<RequestHeader> PeekRequest(Bytes frame) {
  Arena arena;
  Reader reader(frame, 0, false, arena);
  RequestHeader header;
  reader.Field(header.api_key);
  reader.Field(header.api_version);
  reader.Field(header.correlation_id);
  if (!reader.ok()) return std::nullopt;
  return header;
}

std::optional<RequestFrame> DecodeRequestFrame(Bytes frame, int16_t header_version) {
  bool flexible = header_version >= kRequestHeaderFlexibleFrom;
  auto decoded = DecodeHeader<RequestHeader>(frame, header_version, flexible);
  if (!decoded.has_value()) return std::nullopt;
  return RequestFrame{decoded->first, decoded->second};
}

std::optional<ResponseFrame> DecodeResponseFrame(Bytes frame, int16_t header_version) {
  bool flexible = header_version >= kResponseHeaderFlexibleFrom;
  auto decoded = DecodeHeader<ResponseHeader>(frame, header_version, flexible);
  if (!decoded.has_value()) return std::nullopt;
  return ResponseFrame{decoded->first, decoded->second};
}

void FrameWriter::Finish(const std::vector<Splice>& splices) {
  size_t size = buffer_->size() - start_ - kFrameLengthBytes;
  for (const Splice& splice : splices) size += splice.size;
  INVARIANT(size <= std::numeric_limits<int32_t>::max());
  uint32_t raw = __builtin_bswap32(static_cast<uint32_t>(size));
  std::memcpy(buffer_->data() + start_, &raw, sizeof(raw));
}

void EncodeHeader(ByteBuffer& buffer, RequestHeader header, int16_t header_version) {
  Writer writer(buffer, header_version, header_version >= kRequestHeaderFlexibleFrom);
  Describe(writer, header);
}

void EncodeHeader(ByteBuffer& buffer, ResponseHeader header, int16_t header_version) {
  Writer writer(buffer, header_version, header_version >= kResponseHeaderFlexibleFrom);
  Describe(writer, header);
}

}  // namespace millrace::wire

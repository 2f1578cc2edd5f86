// Whole frames: a four-byte length, a header, a message.
//
//   ByteBuffer out;
//   std::vector<Splice> splices = EncodeResponse(out, {header.correlation_id}, response, version);
//
//   std::optional<RequestHeader> peeked = PeekRequest(frame);       // which API and version?
//   std::optional<RequestFrame> request = DecodeRequestFrame(frame, RequestHeaderVersion(...));
//   if (const char* fault = DecodeMessage(request->body, version, arena, produce)) ...refuse...
//
// Frames to decode come without their length. What is decoded holds views into the frame and arrays
// in the arena. Bytes behind the end of a message are ignored, as Kafka does.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "proto/invariant.h"
#include "proto/wire/buffer.h"
#include "proto/wire/headers.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace millrace::wire {

inline constexpr size_t kFrameLengthBytes = 4;

struct RequestFrame {
  RequestHeader header;
  Bytes body;
};

struct ResponseFrame {
  ResponseHeader header;
  Bytes body;
};

// The key, version and correlation id (no client id) of a request of any API, known or not. None:
// the frame is too short to be a request.
std::optional<RequestHeader> PeekRequest(Bytes frame);

// None: the header is malformed.
std::optional<RequestFrame> DecodeRequestFrame(Bytes frame, int16_t header_version);
std::optional<ResponseFrame> DecodeResponseFrame(Bytes frame, int16_t header_version);

// Fills `message`, which must be value-initialised. Returns null, or what is wrong with the bytes.
// Precondition: Message::kInfo.Knows(version).
template <class Message>
const char* DecodeMessage(Bytes body, int16_t version, Arena& arena, Message& message) {
  INVARIANT(Message::kInfo.Knows(version));
  Reader reader(body, version, Message::kInfo.IsFlexible(version), arena);
  Describe(reader, message);
  return reader.fault();
}

// A frame being written at the end of a buffer: its length is filled in when it is finished.
class FrameWriter {
 public:
  explicit FrameWriter(ByteBuffer& buffer) : buffer_(&buffer), start_(buffer.size()) {
    buffer.Extend(kFrameLengthBytes);
  }
  // Counts the bytes that will be spliced in, too.
  void Finish(const std::vector<Splice>& splices);

 private:
  ByteBuffer* buffer_;
  size_t start_;
};

// Appends the message. The records that are not in the buffer are the splices. `first_error` is
// given the first error code in it that is not kNone.
// Precondition: Message::kInfo.Knows(version).
template <class Message>
std::vector<Splice> EncodeMessage(ByteBuffer& buffer, const Message& message, int16_t version,
                                  ErrorCode* first_error = nullptr) {
  INVARIANT(Message::kInfo.Knows(version));
  Writer writer(buffer, version, Message::kInfo.IsFlexible(version));
  // Describe serves for reading too and so takes a mutable message; a Writer changes nothing.
  Describe(writer, const_cast<Message&>(message));
  if (first_error != nullptr) *first_error = writer.first_error();
  return writer.TakeSplices();
}

void EncodeHeader(ByteBuffer& buffer, RequestHeader header, int16_t header_version);
void EncodeHeader(ByteBuffer& buffer, ResponseHeader header, int16_t header_version);

// Appends a whole frame. The positions of the splices count from the start of the buffer.
template <class Response>
std::vector<Splice> EncodeResponse(ByteBuffer& buffer, ResponseHeader header,
                                   const Response& response, int16_t version,
                                   ErrorCode* first_error = nullptr) {
  FrameWriter frame(buffer);
  EncodeHeader(buffer, header, ResponseHeaderVersion(Response::kInfo, version));
  std::vector<Splice> splices = EncodeMessage(buffer, response, version, first_error);
  frame.Finish(splices);
  return splices;
}

// The header's API key and version must be those of the message.
template <class Request>
std::vector<Splice> EncodeRequest(ByteBuffer& buffer, const RequestHeader& header,
                                  const Request& request) {
  INVARIANT(header.api_key == Request::kInfo.key);
  FrameWriter frame(buffer);
  EncodeHeader(buffer, header, RequestHeaderVersion(Request::kInfo, header.api_version));
  std::vector<Splice> splices = EncodeMessage(buffer, request, header.api_version);
  frame.Finish(splices);
  return splices;
}

}  // namespace millrace::wire

// Every message behind one shape, so that tests over all of them are plain loops, and the templates
// are instantiated in one source only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "odd_writer.h"
#include "randomizer.h"

namespace millrace::wire {

// What came of bytes that should be a message.
struct Recoded {
  const char* fault = nullptr;        // null: they are one
  size_t allocated_bytes = 0;         // from the arena, by reading
  std::vector<std::byte> bytes = {};  // the message written again
};

struct MessageCodec {
  MessageInfo info;
  std::string name;  // "Produce request"

  // Reads a message of the version, and writes it again if it could be read.
  Recoded (*recode)(Bytes bytes, int16_t version);
  // RandomMessage() of it.
  std::vector<std::byte> (*invent)(uint64_t seed, int16_t version, Taste taste);
  // The same message (of Taste::kWild) as an OddWriter writes it.
  std::vector<std::byte> (*invent_oddly)(uint64_t seed, int16_t version,
                                         const OddWriter::Options& options, size_t* lengths);
};

// Requests and responses of every API.
const std::vector<MessageCodec>& MessageCodecs();

}  // namespace millrace::wire

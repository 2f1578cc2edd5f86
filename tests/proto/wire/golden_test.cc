// Messages as Kafka's Java clients encode them (tests/golden/): read and written again, they must
// be the same bytes. Lines of the files: "api kind version hex".
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "codecs.h"
#include "support.h"

namespace millrace::wire {
namespace {

using Recode = std::function<Recoded(Bytes, int16_t)>;

template <class Frame>
Recoded RecodeHeader(const std::optional<Frame>& frame, int16_t version) {
  if (!frame.has_value()) return {.fault = "not this header"};
  if (!frame->body.empty()) return {.fault = "bytes are left"};
  ByteBuffer buffer;
  EncodeHeader(buffer, frame->header, version);
  return {.bytes = {buffer.bytes().begin(), buffer.bytes().end()}};
}

Recoded RecodeRequestHeader(Bytes bytes, int16_t version) {
  return RecodeHeader(DecodeRequestFrame(bytes, version), version);
}

Recoded RecodeResponseHeader(Bytes bytes, int16_t version) {
  return RecodeHeader(DecodeResponseFrame(bytes, version), version);
}

std::map<std::string, Recode> Recoders() {
  std::map<std::string, Recode> recoders;
  recoders["Header request"] = RecodeRequestHeader;
  recoders["Header response"] = RecodeResponseHeader;
  for (const MessageCodec& codec : MessageCodecs()) recoders[codec.name] = codec.recode;
  return recoders;
}

struct Golden {
  std::string message;  // "Produce request"
  int16_t version = -1;
  std::string hex;
};

std::vector<Golden> ReadGolden() {
  std::vector<Golden> golden;
  for (std::string_view name : {"kafka-clients-4.3.0.txt", "kafka-clients-3.9.2.txt"}) {
    std::ifstream file(std::string(MILLRACE_TEST_DATA) + "/golden/" + std::string(name));
    REQUIRE(file.is_open());
    std::string line;
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::string api;
      std::string kind;
      Golden one;
      words >> api >> kind >> one.version >> one.hex;
      one.message = api + " " + kind;
      golden.push_back(std::move(one));
    }
  }
  return golden;
}

TEST_CASE("wire: what Kafka's clients encode is read and written again byte for byte") {
  std::map<std::string, Recode> recoders = Recoders();
  std::set<std::pair<std::string, int16_t>> covered;
  for (const Golden& one : ReadGolden()) {
    INFO(one.message << " " << one.version << " " << one.hex);
    REQUIRE(recoders.contains(one.message));
    Recoded recoded = recoders[one.message](FromHex(one.hex), one.version);
    if (recoded.fault != nullptr) FAIL(recoded.fault);
    REQUIRE(ToHex(recoded.bytes) == one.hex);
    covered.emplace(one.message, one.version);
  }
  for (const MessageCodec& codec : MessageCodecs()) {
    for (int16_t v = codec.info.min_version; v <= codec.info.max_version; ++v) {
      INFO(codec.name << " " << v);
      REQUIRE(covered.contains({codec.name, v}));
    }
  }
}

TEST_CASE("wire: what Kafka's clients encode is refused when it is cut short anywhere") {
  std::map<std::string, Recode> recoders = Recoders();
  for (const Golden& one : ReadGolden()) {
    std::vector<std::byte> whole = FromHex(one.hex);
    const Recode& recode = recoders.at(one.message);
    for (size_t size = 0; size < whole.size(); ++size) {
      // A copy of just so many bytes, so that a sanitizer sees a read behind them.
      std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      if (recode(cut, one.version).fault != nullptr) continue;
      FAIL(one.message << " " << one.version << " " << one.hex << " cut to " << size);
    }
  }
}

TEST_CASE("wire: counts that lie anywhere in what Kafka's clients encode take no memory") {
  std::map<std::string, Recode> recoders = Recoders();
  std::vector<std::byte> count = FromHex("7fffffff");
  for (const Golden& one : ReadGolden()) {
    std::vector<std::byte> whole = FromHex(one.hex);
    const Recode& recode = recoders.at(one.message);
    for (size_t at = 0; at + count.size() <= whole.size(); ++at) {
      std::vector<std::byte> bytes = whole;
      std::copy(count.begin(), count.end(), bytes.begin() + static_cast<ptrdiff_t>(at));
      if (recode(bytes, one.version).allocated_bytes <= 8192 + 256 * bytes.size()) continue;
      FAIL(one.message << " " << one.version << " " << one.hex << " at " << at);
    }
  }
}

}  // namespace
}  // namespace millrace::wire

// Messages as Kafka's Java clients encode them (tests/golden/): read and written again, they must
// be the same bytes. Lines of the files: "api kind version hex".
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "support.h"

namespace millrace::wire {
namespace {

using Recode = std::function<std::string(Bytes, int16_t)>;

template <class Message>
std::string RecodeMessage(Bytes bytes, int16_t version) {
  Arena arena;
  Message message;
  if (const char* fault = DecodeMessage(bytes, version, arena, message)) return fault;
  ByteBuffer buffer;
  EncodeMessage(buffer, message, version);
  return ToHex(buffer.bytes());
}

std::string RecodeRequestHeader(Bytes bytes, int16_t version) {
  std::optional<RequestFrame> frame = DecodeRequestFrame(bytes, version);
  if (!frame.has_value() || !frame->body.empty()) return "not this header alone";
  ByteBuffer buffer;
  EncodeHeader(buffer, frame->header, version);
  return ToHex(buffer.bytes());
}

std::string RecodeResponseHeader(Bytes bytes, int16_t version) {
  std::optional<ResponseFrame> frame = DecodeResponseFrame(bytes, version);
  if (!frame.has_value() || !frame->body.empty()) return "not this header alone";
  ByteBuffer buffer;
  EncodeHeader(buffer, frame->header, version);
  return ToHex(buffer.bytes());
}

std::map<std::string, Recode> Recoders() {
  std::map<std::string, Recode> recoders;
  recoders["Header request"] = RecodeRequestHeader;
  recoders["Header response"] = RecodeResponseHeader;
  ForEachMessage([&]<class Message>(const std::string& kind) {
    recoders[std::string(ApiName(Message::kInfo.key)) + " " + kind] = RecodeMessage<Message>;
  });
  return recoders;
}

using Covered = std::set<std::pair<std::string, int16_t>>;

void CheckFile(const std::string& name, Covered& covered) {
  std::map<std::string, Recode> recoders = Recoders();
  std::ifstream file(std::string(MILLRACE_TEST_DATA) + "/golden/" + name);
  REQUIRE(file.is_open());
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string api;
    std::string kind;
    int16_t version = -1;
    std::string hex;
    words >> api >> kind >> version >> hex;
    INFO(line);
    std::string message = api + " " + kind;
    REQUIRE(recoders.contains(message));
    REQUIRE(recoders[message](FromHex(hex), version) == hex);
    covered.emplace(message, version);
  }
}

TEST_CASE("wire: what Kafka's clients encode is read and written again byte for byte") {
  Covered covered;
  CheckFile("kafka-clients-4.3.0.txt", covered);
  CheckFile("kafka-clients-3.9.2.txt", covered);
  ForEachMessage([&]<class Message>(const std::string& kind) {
    std::string message = std::string(ApiName(Message::kInfo.key)) + " " + kind;
    for (int16_t v = Message::kInfo.min_version; v <= Message::kInfo.max_version; ++v) {
      INFO(message << " " << v);
      REQUIRE(covered.contains({message, v}));
    }
  });
}

}  // namespace
}  // namespace millrace::wire

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

#include "support.h"

namespace millrace::wire {
namespace {

// The bytes written again, or what is wrong with them (which is no hex).
using Recode = std::function<std::string(Bytes, int16_t)>;

constexpr std::string_view kRefused = "refused: ";

template <class Message>
std::string RecodeMessage(Bytes bytes, int16_t version) {
  Arena arena;
  Message message;
  const char* fault = DecodeMessage(bytes, version, arena, message);
  if (arena.allocated_bytes() > 8192 + 256 * bytes.size()) return "took too much memory";
  if (fault != nullptr) return std::string(kRefused) + fault;
  ByteBuffer buffer;
  EncodeMessage(buffer, message, version);
  return ToHex(buffer.bytes());
}

template <class Frame>
std::string RecodeHeader(const std::optional<Frame>& frame, int16_t version) {
  if (!frame.has_value()) return std::string(kRefused) + "a header";
  if (!frame->body.empty()) return "bytes are left";
  ByteBuffer buffer;
  EncodeHeader(buffer, frame->header, version);
  return ToHex(buffer.bytes());
}

std::string RecodeRequestHeader(Bytes bytes, int16_t version) {
  return RecodeHeader(DecodeRequestFrame(bytes, version), version);
}

std::string RecodeResponseHeader(Bytes bytes, int16_t version) {
  return RecodeHeader(DecodeResponseFrame(bytes, version), version);
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
    REQUIRE(recoders[one.message](FromHex(one.hex), one.version) == one.hex);
    covered.emplace(one.message, one.version);
  }
  ForEachMessage([&]<class Message>(const std::string& kind) {
    std::string message = std::string(ApiName(Message::kInfo.key)) + " " + kind;
    for (int16_t v = Message::kInfo.min_version; v <= Message::kInfo.max_version; ++v) {
      INFO(message << " " << v);
      REQUIRE(covered.contains({message, v}));
    }
  });
}

TEST_CASE("wire: what Kafka's clients encode is refused when it is cut short anywhere") {
  std::map<std::string, Recode> recoders = Recoders();
  for (const Golden& one : ReadGolden()) {
    std::vector<std::byte> whole = FromHex(one.hex);
    const Recode& recode = recoders.at(one.message);
    for (size_t size = 0; size < whole.size(); ++size) {
      // A copy of just so many bytes, so that a sanitizer sees a read behind them.
      std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      if (recode(cut, one.version).starts_with(kRefused)) continue;
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
      if (recode(bytes, one.version) != "took too much memory") continue;
      FAIL(one.message << " " << one.version << " " << one.hex << " at " << at);
    }
  }
}

}  // namespace
}  // namespace millrace::wire

// Every message in every version: what is written is read, and what is cut or spoiled is refused.
#include <cstdint>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "codecs.h"
#include "support.h"

namespace millrace::wire {
namespace {

// Calls visit(codec, version) for every version of every message.
template <class Visit>
void ForEachVersion(Visit visit) {
  for (const MessageCodec& codec : MessageCodecs()) {
    for (int16_t v = codec.info.min_version; v <= codec.info.max_version; ++v) {
      INFO(codec.name << " version " << v);
      visit(codec, v);
    }
  }
}

TEST_CASE("wire: a message that is cut short anywhere is refused") {
  ForEachVersion([](const MessageCodec& codec, int16_t version) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      std::vector<std::byte> whole = codec.invent(seed, version, Taste::kWild);
      for (size_t size = 0; size < whole.size(); ++size) {
        // A copy of just so many bytes, so that a sanitizer sees a read behind them.
        std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
        if (codec.recode(cut, version).fault == nullptr) FAIL("accepted " << size);
      }
    }
    SUCCEED();
  });
}

TEST_CASE("wire: spoiled bytes are refused, or read as something that can be written again") {
  ForEachVersion([](const MessageCodec& codec, int16_t version) {
    std::mt19937_64 random(static_cast<uint64_t>(version) + 7);
    for (uint64_t seed = 1; seed <= 60; ++seed) {
      std::vector<std::byte> bytes = codec.invent(seed, version, Taste::kWild);
      if (bytes.empty()) continue;
      for (int i = 0; i < 3; ++i) {
        bytes[random() % bytes.size()] =
            static_cast<std::byte>(random() % 4 == 0 ? 0xff : random());
      }
      Recoded recoded = codec.recode(bytes, version);
      if (recoded.fault != nullptr) continue;
      REQUIRE(codec.recode(recoded.bytes, version).fault == nullptr);
    }
    SUCCEED();
  });
}

TEST_CASE("wire: counts that lie anywhere in a message take no more memory than its bytes allow") {
  ForEachVersion([](const MessageCodec& codec, int16_t version) {
    std::vector<std::byte> whole = codec.invent(5, version, Taste::kWild);
    for (std::string_view lie : {"7fffffff", "fffffffe", "ffffffff0f"}) {
      std::vector<std::byte> count = FromHex(lie);
      for (size_t at = 0; at + count.size() <= whole.size(); ++at) {
        std::vector<std::byte> bytes = whole;
        std::copy(count.begin(), count.end(), bytes.begin() + static_cast<ptrdiff_t>(at));
        size_t allocated = codec.recode(bytes, version).allocated_bytes;
        if (allocated > 8192 + 256 * bytes.size()) FAIL("too much at " << at);
      }
    }
    SUCCEED();
  });
}

TEST_CASE("wire: each length or count that lies is refused, and nothing is allocated for it") {
  size_t lies = 0;
  ForEachVersion([&](const MessageCodec& codec, int16_t version) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      size_t lengths = 0;
      size_t honest = codec.invent_oddly(seed, version, {}, &lengths).size();
      for (size_t at = 0; at < lengths; ++at) {
        for (uint32_t lie : {0xf'ffffU, 0x7fff'ffffU, 0xffff'fffeU}) {
          OddWriter::Options options{.lie_at = at, .lie = lie};
          Recoded recoded =
              codec.recode(codec.invent_oddly(seed, version, options, nullptr), version);
          if (recoded.fault == nullptr) FAIL("accepted " << at);
          if (recoded.allocated_bytes > 8192 + 256 * honest) FAIL("too much at " << at);
          ++lies;
        }
      }
    }
  });
  CHECK(lies > 10'000);
}

TEST_CASE("wire: unknown tagged fields in every struct are skipped") {
  ForEachVersion([](const MessageCodec& codec, int16_t version) {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      std::vector<std::byte> plain = codec.invent(seed, version, Taste::kWild);
      OddWriter::Options options{.unknown_tags = true};
      std::vector<std::byte> odd = codec.invent_oddly(seed, version, options, nullptr);
      REQUIRE((odd.size() > plain.size()) == codec.info.IsFlexible(version));
      Recoded recoded = codec.recode(odd, version);
      if (recoded.fault != nullptr) FAIL(recoded.fault);
      REQUIRE(ToHex(recoded.bytes) == ToHex(plain));
    }
  });
}

TEST_CASE("wire: a message is read as it was written") {
  ForEachVersion([](const MessageCodec& codec, int16_t version) {
    for (Taste taste : {Taste::kWild, Taste::kEmpty, Taste::kLimits}) {
      for (uint64_t seed = 1; seed <= (taste == Taste::kWild ? 20U : 2U); ++seed) {
        std::vector<std::byte> bytes = codec.invent(seed, version, taste);
        Recoded recoded = codec.recode(bytes, version);
        if (recoded.fault != nullptr) FAIL(recoded.fault);
        if (recoded.bytes != bytes) FAIL(ToHex(recoded.bytes) << " is not " << ToHex(bytes));
      }
    }
    SUCCEED();
  });
}

// True when `with` differs from `without` from version `since` on, and not before.
template <class Message>
bool IsWrittenSince(int16_t since, const Message& with, const Message& without) {
  for (int16_t v = Message::kInfo.flexible_from; v <= Message::kInfo.max_version; ++v) {
    ByteBuffer first;
    ByteBuffer second;
    EncodeMessage(first, with, v);
    EncodeMessage(second, without, v);
    if ((ToHex(first.bytes()) != ToHex(second.bytes())) != (v >= since)) return false;
  }
  return true;
}

template <class Message>
bool PartitionIsWrittenSince(int16_t since, typename Message::Partition partition) {
  typename Message::Partition plain;
  typename Message::Topic topics[2];
  if constexpr (requires { topics[0].partitions; }) {
    topics[0].partitions = {&partition, 1};
    topics[1].partitions = {&plain, 1};
    return IsWrittenSince(since, Message{.topics = {&topics[0], 1}},
                          Message{.topics = {&topics[1], 1}});
  } else {
    topics[0].partition_responses = {&partition, 1};
    topics[1].partition_responses = {&plain, 1};
    return IsWrittenSince(since, Message{.responses = {&topics[0], 1}},
                          Message{.responses = {&topics[1], 1}});
  }
}

TEST_CASE("wire: a tagged field is written from the version that brought it") {
  using Endpoints = Array<NodeEndpoint>;
  CHECK(IsWrittenSince<ProduceResponse>(10, {.node_endpoints = Endpoints()}, {}));
  CHECK(IsWrittenSince<FetchResponse>(16, {.node_endpoints = Endpoints()}, {}));
  CHECK(IsWrittenSince<FetchRequest>(12, {.cluster_id = "c"}, {}));
  FetchRequest follower{.replica_state = FetchRequest::ReplicaState{}};
  CHECK(IsWrittenSince<FetchRequest>(15, follower, {}));
  CHECK(PartitionIsWrittenSince<ProduceResponse>(10, {.current_leader = LeaderIdAndEpoch{}}));
  CHECK(PartitionIsWrittenSince<FetchRequest>(17, {.replica_directory_id = TopicId{}}));
  CHECK(PartitionIsWrittenSince<FetchRequest>(18, {.high_watermark = Offset(1)}));
}

TEST_CASE("wire: bytes behind the end of a message are ignored") {
  std::vector<std::byte> bytes = RandomMessage<FetchRequest>(1, 12);
  bytes.push_back(std::byte{1});
  Arena arena;
  FetchRequest request;
  CHECK(DecodeMessage(bytes, 12, arena, request) == nullptr);
}

TEST_CASE("wire: metadata for all topics is null, and an empty array in version 0") {
  Arena arena;
  MetadataRequest request;
  REQUIRE(DecodeMessage(FromHex("00000000"), 0, arena, request) == nullptr);
  CHECK_FALSE(request.topics.has_value());
  ByteBuffer buffer;
  EncodeMessage(buffer, request, 0);
  CHECK(ToHex(buffer.bytes()) == "00000000");
  buffer.Clear();
  EncodeMessage(buffer, request, 1);
  CHECK(ToHex(buffer.bytes()) == "ffffffff");

  REQUIRE(DecodeMessage(FromHex("00000000"), 1, arena, request) == nullptr);
  REQUIRE(request.topics.has_value());
  CHECK(request.topics->empty());
}

}  // namespace
}  // namespace millrace::wire

#include "storage/leader_epochs.h"

#include <catch2/catch.hpp>

namespace millrace::storage {
namespace {

// Epoch 1 from 0, epoch 3 from 10, epoch 4 from 20.
LeaderEpochs SomeEpochs() {
  LeaderEpochs epochs;
  REQUIRE(epochs.Assign(LeaderEpoch(1), Offset(0)));
  REQUIRE(epochs.Assign(LeaderEpoch(3), Offset(10)));
  REQUIRE(epochs.Assign(LeaderEpoch(4), Offset(20)));
  return epochs;
}

std::string FaultOf(std::string_view text) {
  const auto decoded = LeaderEpochs::Decode(text);
  REQUIRE(absl::IsDataLoss(decoded.status()));
  return std::string(decoded.status().message());
}

TEST_CASE("leader epochs: an epoch is not taken twice, nor backwards, nor below 0") {
  LeaderEpochs epochs;
  CHECK_FALSE(epochs.Assign(LeaderEpoch(-1), Offset(0)));
  CHECK(epochs.Assign(LeaderEpoch(2), Offset(5)));
  CHECK_FALSE(epochs.Assign(LeaderEpoch(2), Offset(9)));
  CHECK_FALSE(epochs.Assign(LeaderEpoch(1), Offset(9)));
  CHECK(epochs.Encode() == "0\n1\n2 5\n");
}

TEST_CASE("leader epochs: nothing is known of an empty log or of what lies before it") {
  const LeaderEpochs empty;
  CHECK_FALSE(empty.latest());
  CHECK_FALSE(empty.EndOf(LeaderEpoch(0), Offset(0)));
  CHECK_FALSE(empty.EpochAt(Offset(0)));
  CHECK_FALSE(SomeEpochs().EndOf(LeaderEpoch(0), Offset(30)));
  LeaderEpochs later;
  later.Assign(LeaderEpoch(1), Offset(100));
  CHECK_FALSE(later.EpochAt(Offset(99)));
}

TEST_CASE("leader epochs: the end of an epoch is where the next one starts") {
  const LeaderEpochs epochs = SomeEpochs();
  const auto check = [&](int32_t asked, int32_t found, int64_t end) {
    const auto answer = epochs.EndOf(LeaderEpoch(asked), Offset(33));
    REQUIRE(answer.has_value());
    CHECK(answer->epoch == LeaderEpoch(found));
    CHECK(answer->end == Offset(end));
  };
  check(1, 1, 10);
  check(2, 1, 10);  // epoch 2 wrote nothing
  check(3, 3, 20);
  check(4, 4, 33);
  check(9, 4, 33);
  CHECK(*epochs.latest() == LeaderEpoch(4));
}

TEST_CASE("leader epochs: every offset belongs to the epoch that was writing then") {
  const LeaderEpochs epochs = SomeEpochs();
  CHECK(*epochs.EpochAt(Offset(0)) == LeaderEpoch(1));
  CHECK(*epochs.EpochAt(Offset(9)) == LeaderEpoch(1));
  CHECK(*epochs.EpochAt(Offset(10)) == LeaderEpoch(3));
  CHECK(*epochs.EpochAt(Offset(1000)) == LeaderEpoch(4));
}

TEST_CASE("leader epochs: an epoch that wrote nothing disappears when the next one writes") {
  LeaderEpochs epochs = SomeEpochs();
  CHECK(epochs.Assign(LeaderEpoch(5), Offset(20)));
  CHECK(epochs.Encode() == "0\n3\n1 0\n3 10\n5 20\n");
}

TEST_CASE("leader epochs: truncation at the end drops what starts there or later") {
  LeaderEpochs epochs = SomeEpochs();
  epochs.TruncateFromEnd(Offset(21));
  CHECK(epochs.entries().size() == 3);
  epochs.TruncateFromEnd(Offset(20));
  CHECK(epochs.Encode() == "0\n2\n1 0\n3 10\n");
  epochs.TruncateFromEnd(Offset(0));
  CHECK(epochs.entries().empty());
}

TEST_CASE("leader epochs: truncation at the start leaves the epoch that wrote there") {
  LeaderEpochs epochs = SomeEpochs();
  epochs.TruncateFromStart(Offset(0));
  CHECK(epochs.entries().size() == 3);
  epochs.TruncateFromStart(Offset(15));
  CHECK(epochs.Encode() == "0\n2\n3 15\n4 20\n");
  epochs.TruncateFromStart(Offset(20));
  CHECK(epochs.Encode() == "0\n1\n4 20\n");
  epochs.TruncateFromStart(Offset(500));
  CHECK(epochs.Encode() == "0\n1\n4 500\n");
}

TEST_CASE("leader epochs: a damaged checkpoint is refused with its line") {
  CHECK(FaultOf("") == "checkpoint line 1: \"\" ends before the version line does");
  CHECK(FaultOf("1\n0\n") == "checkpoint line 1: \"1\" is not version 0");
  CHECK(FaultOf("0\nx\n") == "checkpoint line 2: \"x\" is not a number of entries");
  CHECK(FaultOf("0\n-1\n") == "checkpoint line 2: \"-1\" is not a number of entries");
  CHECK(FaultOf("0\n2\n1 0\n") ==
        "checkpoint line 4: \"\" ends, but 1 more entries were announced");
  CHECK(FaultOf("0\n1\n1 0\n2 5\n") ==
        "checkpoint line 3: \"1 0\" is the last entry announced, but more follows");
  CHECK(FaultOf("0\n1\n1\n") == "checkpoint line 3: \"1\" has 1 fields, not 2");
  CHECK(FaultOf("0\n1\n1 -5\n") == "checkpoint line 3: \"1 -5\" is not <epoch> <start offset>");
  CHECK(FaultOf("0\n2\n1 5\n1 6\n") == "checkpoint line 4: \"1 6\" does not ascend");
  CHECK(FaultOf("0\n2\n1 5\n2 5\n") == "checkpoint line 4: \"2 5\" does not ascend");
  // A count that lies costs no memory.
  FaultOf("0\n9223372036854775807\n1 0\n");
}

TEST_CASE("leader epochs: a checkpoint cut at any byte is refused") {
  const std::string text = SomeEpochs().Encode();
  for (size_t size = 0; size < text.size(); ++size) FaultOf(text.substr(0, size));
}

TEST_CASE("leader epochs: a checkpoint brings everything back") {
  const LeaderEpochs epochs = SomeEpochs();
  CHECK(epochs.Encode() == "0\n3\n1 0\n3 10\n4 20\n");
  const auto decoded = LeaderEpochs::Decode(epochs.Encode());
  REQUIRE(decoded.ok());
  CHECK(decoded->Encode() == epochs.Encode());
  CHECK(LeaderEpochs::Decode("0\n0\n")->entries().empty());
}

}  // namespace
}  // namespace millrace::storage

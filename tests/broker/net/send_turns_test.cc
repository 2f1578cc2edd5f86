#include "broker/net/send_turns.h"

#include <catch2/catch.hpp>

namespace millrace::net {
namespace {

TEST_CASE("send turns: short after a request that is no fetch, long when there was none lately") {
  SendTurns turns;
  const MonotonicNs now(7'000'000'000);
  CHECK(turns.Bytes(now) == SendTurns::kLongBytes);
  turns.OnRequest(now);
  CHECK(turns.Bytes(now) == SendTurns::kShortBytes);
  CHECK(turns.Bytes(now + (SendTurns::kShortForNs - 1)) == SendTurns::kShortBytes);
  const MonotonicNs later = now + 2 * SendTurns::kShortForNs;
  CHECK(turns.Bytes(later) == SendTurns::kLongBytes);
  turns.OnRequest(later);
  CHECK(turns.Bytes(later + (SendTurns::kShortForNs - 1)) == SendTurns::kShortBytes);
}

}  // namespace
}  // namespace millrace::net

#include "broker/runtime/client_log.h"

#include <string>
#include <string_view>

#include <catch2/catch.hpp>

#include "broker/runtime/printable.h"

namespace millrace {
namespace {

using Kind = ClientLog::Kind;

int Allowed(ClientLog& log, Kind kind, MonotonicMs now) {
  int allowed = 0;
  for (int i = 0; i < 1000; ++i) allowed += log.Allows(kind, now) ? 1 : 0;
  return allowed;
}

TEST_CASE("client log: a flood writes a few lines, then one a second, and is counted") {
  Shard shard(0);
  ClientLog log(shard);
  MonotonicMs now(1'000'000);
  CHECK(Allowed(log, Kind::kClosed, now) == 10);
  CHECK(log.left_out() == 990);
  CHECK(Allowed(log, Kind::kClosed, now + 999) == 0);
  CHECK(Allowed(log, Kind::kClosed, now + 1000) == 1);
  CHECK(Allowed(log, Kind::kClosed, now + 1500) == 0);
  CHECK(Allowed(log, Kind::kClosed, now + 3000) == 2);
  CHECK(Allowed(log, Kind::kClosed, now + 3'600'000) == 10);
  log.Stop();
}

TEST_CASE("client log: one kind of line does not silence another") {
  Shard shard(0);
  ClientLog log(shard);
  MonotonicMs now(1'000'000);
  CHECK(Allowed(log, Kind::kRefused, now) == 10);
  CHECK(log.Allows(Kind::kClosed, now));
  log.Stop();
}

TEST_CASE("client log: after Stop nothing keeps the loop running") {
  Shard shard(0);
  ClientLog log(shard);
  Allowed(log, Kind::kClosed, MonotonicMs(1'000'000));
  log.Stop();
  shard.context().run();
  CHECK(shard.timers().size() == 0);
}

TEST_CASE("printable: nothing from outside breaks a line or ends a quotation") {
  CHECK(Printable("a\nb\r\x1b[31m\x7f") == "a\\x0ab\\x0d\\x1b[31m\\x7f");
  CHECK(Printable("x'): fine \\") == "x\\x27): fine \\x5c");
  CHECK(Printable(std::string_view("\0\xff", 2)) == "\\x00\\xff");
  CHECK(Printable(std::string(300, 'a')) == std::string(256, 'a') + "...");
}

}  // namespace
}  // namespace millrace

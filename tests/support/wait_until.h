// Waiting for what another thread does, where there is nothing to wait on.
#pragma once

#include <chrono>

#include <catch2/catch.hpp>

namespace millrace::test {

// Asks again and again; fails the test after a minute.
template <class Condition>
void WaitUntil(Condition condition) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) REQUIRE(std::chrono::steady_clock::now() < deadline);
}

}  // namespace millrace::test

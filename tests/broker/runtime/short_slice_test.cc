#include "broker/runtime/short_slice.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace millrace {
namespace {

// The head of struct sched_attr (linux/sched/types.h).
struct Attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns, deadline_ns, period_ns;
};

Attributes OfThisThread() {
  Attributes attributes{};
  REQUIRE(::syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) == 0);
  return attributes;
}

TEST_CASE("short slices: a thread keeps its nice value") {
  std::thread([] {
    REQUIRE(::setpriority(PRIO_PROCESS, 0, 5) == 0);
    Attributes before = OfThisThread();
    AskForShortSlices();
    Attributes after = OfThisThread();
    CHECK(after.nice == 5);
    CHECK(after.policy == before.policy);
    // A kernel that has slices of its own for a thread tells them; others say 0.
    if (before.runtime_ns == 0) return;
    CHECK(after.runtime_ns == 100'000);
    AskForShortSlices();
    CHECK(OfThisThread().runtime_ns == 100'000);
  }).join();
}

}  // namespace
}  // namespace millrace

#include "broker/runtime/short_slice.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace millrace {

namespace {

// The shortest slice that the kernel grants.
constexpr uint64_t kSliceNs = 100'000;

// struct sched_attr of linux/sched/types.h, which some versions of it do not let stand beside
// sched.h.
struct SchedulerAttributes {
  uint32_t size = sizeof(SchedulerAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = 0;
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};
static_assert(sizeof(SchedulerAttributes) == 48);

}  // namespace

void AskForShortSlices() {
  SchedulerAttributes attributes;
  // What an operator has set (nice, chrt) stays.
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0) return;
  bool is_ordinary = attributes.policy == 0;
  if (!is_ordinary) return;
  attributes.size = sizeof(attributes);
  attributes.flags = 0;
  attributes.runtime_ns = kSliceNs;
  ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace millrace

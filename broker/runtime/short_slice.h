#pragma once

namespace millrace {

// Asks the kernel (Linux 6.12 and newer) to give the calling thread the processor in short slices:
// when it wakes up, it takes the place of a thread of another program that computes, rather than
// wait until that one's slice (milliseconds) is over. Its share of the processor stays the same.
// For threads that work a little, often, and that others wait for. Needs no privilege; older
// kernels ignore it, and where a sandbox forbids the call, the thread goes on as it was. See
// sched_setattr(2), sched_runtime of SCHED_OTHER.
void AskForShortSlices();

}  // namespace millrace

// Creates the topic of a run and waits until its leaders serve its partitions.
#pragma once

#include "bench/system/load_options.h"

namespace millrace::bench {

// A topic that exists already is fine. Ends the program when the broker refuses, or when a
// partition is not served within ten seconds.
void CreateTopicAndWait(const LoadOptions& options);

}  // namespace millrace::bench

// Runs a traffic: a warm-up, then the part that counts, with a line of progress, until it is done
// or somebody presses Ctrl-C. What was sent by then is waited for, so that no late answer is lost.
#pragma once

#include <cstdint>

#include "tools/bench/bench_report.h"
#include "tools/bench/traffic.h"

namespace millrace::bench {

struct MeasurePlan {
  double warmup_seconds = 0;
  double duration_seconds = 0;    // 0: the records are the limit, or the traffic's own end
  uint64_t records = UINT64_MAX;  // after the warm-up
  bool show_progress = false;     // on stderr
};

// From here on SIGINT and SIGTERM end a run in order; a second one ends the program.
void CatchInterrupts();

// Precondition: CatchInterrupts().
Measurement Measure(LimitedTraffic& traffic, const MeasurePlan& plan);

}  // namespace millrace::bench

// The options of `millrace bench`.
#pragma once

#include "tools/bench_commands.h"

namespace CLI {
class App;
}

namespace millrace::tools {

struct BenchCommands {
  BenchProduceOptions produce;
  BenchConsumeOptions consume;
  BenchLatencyOptions latency;
};

// The options and `code` must outlive the parsing; `code` becomes the command's exit code.
void AddBench(CLI::App& app, BenchCommands& options, int& code);

}  // namespace millrace::tools

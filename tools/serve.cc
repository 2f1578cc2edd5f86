// `millrace serve`: configuration, log, signals, and a broker until one of them says stop.
#include <cstdio>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "broker/app/broker.h"
#include "storage/file_system.h"
#include "tools/commands.h"

namespace millrace::tools {

namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "millrace: %s\n", std::string(status.message()).c_str());
  return 1;
}

absl::StatusOr<NameAndValue> ParseSetting(const std::string& text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(fmt::format("--set '{}' is not name=value", text));
  }
  return NameAndValue(text.substr(0, equals), text.substr(equals + 1));
}

// Later over earlier: the file, the environment, then --set, then the options with names of their
// own.
absl::StatusOr<std::vector<NameAndValue>> CollectSettings(const ServeOptions& options) {
  std::vector<NameAndValue> values;
  if (!options.config_file.empty()) {
    auto text = storage::ReadWholeFile(storage::PosixFileSystem(), options.config_file);
    if (!text.ok()) return text.status();
    auto parsed = ParsePropertiesFile(*text);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("{}: {}", options.config_file, std::string(parsed.status().message())));
    }
    values = *std::move(parsed);
  }
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
  EnvironmentSettings environment = ReadEnvironment(variables);
  for (const std::string& warning : environment.warnings) spdlog::warn("{}", warning);
  values.insert(values.end(), environment.values.begin(), environment.values.end());
  for (const std::string& text : options.set) {
    auto setting = ParseSetting(text);
    if (!setting.ok()) return setting.status();
    values.push_back(*std::move(setting));
  }
  if (!options.listen.empty()) values.emplace_back("listeners", "PLAINTEXT://" + options.listen);
  if (!options.data_directory.empty()) values.emplace_back("log.dirs", options.data_directory);
  return values;
}

// Segments and connections are descriptors; the soft limit is a default, not a decision.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    spdlog::warn("the descriptor limit could not be raised to {}", limit.rlim_max);
  }
}

// Receive buffers that are given back shall go back to the machine, wherever they lie: the memory
// budget counts what is held, not what the allocator keeps for later.
void ReturnLargeBlocksAtOnce() { ::mallopt(M_MMAP_THRESHOLD, 256 << 10); }

}  // namespace

int Serve(const ServeOptions& options) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("millrace"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  spdlog::set_level(
      spdlog::level::from_str(options.log_level == "warn" ? "warning" : options.log_level));
  // Blocked in every thread, taken by sigwait below.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  RaiseDescriptorLimit();
  ReturnLargeBlocksAtOnce();

  auto settings = CollectSettings(options);
  if (!settings.ok()) return Fail(settings.status());
  auto config = MakeConfig(*settings, std::thread::hardware_concurrency());
  if (!config.ok()) return Fail(config.status());
  std::string host = config->listen.host;
  std::string directories = fmt::format("{}", fmt::join(config->log_directories, ", "));
  auto broker = Broker::Start(*std::move(config));
  if (!broker.ok()) return Fail(broker.status());
  std::printf("millrace: listening on %s:%u, data in %s\n", host.c_str(),
              static_cast<unsigned>((*broker)->port()), directories.c_str());
  std::fflush(stdout);

  int received = 0;
  sigwait(&signals, &received);
  spdlog::info("signal {}: stopping", received);
  absl::Status stopped = (*broker)->Stop();
  if (!stopped.ok()) return Fail(stopped);
  std::printf("millrace: stopped\n");
  return 0;
}

}  // namespace millrace::tools

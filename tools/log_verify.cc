// `millrace log verify`.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <boost/json.hpp>
#include <fmt/format.h>

#include "storage/metadata_names.h"
#include "storage/verify_directory.h"
#include "tools/dump_internal.h"
#include "tools/dump_log.h"
#include "tools/log_commands.h"

namespace millrace::tools {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
using storage::Finding;
using storage::Severity;

constexpr double kMega = 1e6;
constexpr int kBarCells = 24;
constexpr Seconds kRedrawEvery{0.1};

// "[######........]  25%  1024 of 4096 MB  812 MB/s  4 s left", on one line of a terminal.
class Progress {
 public:
  Progress(bool is_shown, int64_t total)
      : is_shown_(is_shown), total_(std::max<int64_t>(total, 1)) {}
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Add(int64_t bytes) {
    done_ += bytes;
    if (!is_shown_ || Clock::now() - drawn_ < kRedrawEvery) return;
    drawn_ = Clock::now();
    Draw();
  }
  // Before anything else is printed.
  void Clear() {
    if (std::exchange(is_drawn_, false)) std::fputs("\r\x1b[K", stderr);
  }
  int64_t done() const { return done_; }
  double seconds() const { return Seconds(Clock::now() - started_).count(); }

 private:
  void Draw() {
    const double part = std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    const double rate = static_cast<double>(done_) / std::max(seconds(), 1e-3);
    const double left = std::max(0.0, static_cast<double>(total_ - done_) / std::max(rate, 1.0));
    const auto full = static_cast<size_t>(part * kBarCells);
    const std::string line =
        fmt::format("\r\x1b[K[{}{}] {:3.0f}%  {:.0f} of {:.0f} MB  {:.0f} MB/s  {:.0f} s left",
                    std::string(full, '#'), std::string(kBarCells - full, '.'), part * 100,
                    static_cast<double>(done_) / kMega, static_cast<double>(total_) / kMega,
                    rate / kMega, left);
    std::fputs(line.c_str(), stderr);
    is_drawn_ = true;
  }

  bool is_shown_;
  int64_t total_;
  int64_t done_ = 0;
  bool is_drawn_ = false;
  Clock::time_point started_ = Clock::now();
  Clock::time_point drawn_{};
};

struct Totals {
  int64_t partitions = 0;
  int64_t segments = 0;
  int64_t batches = 0;
  int64_t records = 0;
  int64_t index_entries = 0;
  int64_t missing_offsets = 0;
  int64_t bytes = 0;
  int64_t errors = 0;
  int64_t notices = 0;

  void Add(const storage::PartitionSummary& partition) {
    ++partitions;
    segments += partition.segments;
    batches += partition.sum.batches;
    records += partition.sum.records;
    index_entries += partition.sum.index_entries;
    missing_offsets += partition.sum.missing_offsets;
    bytes += partition.sum.bytes;
  }
};

std::string FindingText(const Finding& finding) {
  std::string text = fmt::format(
      "{} {}", finding.severity == Severity::kError ? "ERROR " : "notice", finding.path);
  if (finding.position.has_value()) text += fmt::format(" at position {}", *finding.position);
  if (finding.offset.has_value()) text += fmt::format(" (offset {})", finding.offset->value());
  return text + fmt::format(": {} [{}]", finding.what, FindingName(finding.kind));
}

json::object ToJson(const Finding& finding) {
  json::object object{{"type", "finding"},
                      {"severity", finding.severity == Severity::kError ? "error" : "notice"},
                      {"kind", FindingName(finding.kind)},
                      {"path", finding.path}};
  if (finding.position.has_value()) object["position"] = *finding.position;
  if (finding.offset.has_value()) object["offset"] = finding.offset->value();
  object["message"] = finding.what;
  return object;
}

class Verification {
 public:
  explicit Verification(const LogVerifyOptions& options)
      : options_(options), progress_(ShowsProgress(options), TotalBytes(options)) {}

  int Run();

 private:
  static bool ShowsProgress(const LogVerifyOptions& options) {
    return !options.quiet && ::isatty(STDERR_FILENO) == 1;
  }
  static int64_t TotalBytes(const LogVerifyOptions& options);
  bool VerifyOne(const std::string& directory);
  void OnFinding(const Finding& finding);
  void PrintTotals(double seconds) const;

  const LogVerifyOptions& options_;
  Progress progress_;
  Totals totals_;
};

int64_t Verification::TotalBytes(const LogVerifyOptions& options) {
  if (!ShowsProgress(options)) return 0;
  int64_t bytes = 0;
  for (const std::string& directory : options.directories) {
    bytes += storage::LogBytesOf(storage::PosixFileSystem(), directory);
  }
  return bytes;
}

void Verification::OnFinding(const Finding& finding) {
  ++(finding.severity == Severity::kError ? totals_.errors : totals_.notices);
  progress_.Clear();
  PrintLine(options_.json ? json::serialize(ToJson(finding)) : FindingText(finding));
}

bool Verification::VerifyOne(const std::string& directory) {
  const storage::VerifyOptions options{
      .opened_bytes_max = static_cast<size_t>(options_.max_batch_bytes),
      .metadata_directory = std::string(storage::kMetadataDirectory),
      .metadata_snapshot = std::string(storage::kMetadataSnapshot)};
  const auto found = [this](const Finding& finding) { OnFinding(finding); };
  const auto read = [this](int64_t bytes) { progress_.Add(bytes); };
  const auto report = storage::VerifyDirectory(storage::PosixFileSystem(), directory, options,
                                               {.found = found, .read = read});
  progress_.Clear();
  if (!report.ok()) {
    PrintError(std::string(report.status().message()));
    return false;
  }
  for (const storage::PartitionSummary& partition : report->partitions) totals_.Add(partition);
  return true;
}

int Verification::Run() {
  bool looked_everywhere = true;
  for (const std::string& directory : options_.directories) {
    looked_everywhere = VerifyOne(directory) && looked_everywhere;
  }
  PrintTotals(progress_.seconds());
  if (!looked_everywhere) return kCannotLook;
  return totals_.errors == 0 ? kWhole : kDamaged;
}

void Verification::PrintTotals(double seconds) const {
  if (options_.json) {
    PrintLine(json::serialize(json::object{{"type", "summary"},
                                           {"errors", totals_.errors},
                                           {"notices", totals_.notices},
                                           {"partitions", totals_.partitions},
                                           {"segments", totals_.segments},
                                           {"batches", totals_.batches},
                                           {"records", totals_.records},
                                           {"bytes", totals_.bytes},
                                           {"indexEntries", totals_.index_entries},
                                           {"missingOffsets", totals_.missing_offsets},
                                           {"seconds", seconds}}));
    return;
  }
  PrintLine(fmt::format(
      "{} partitions, {} segments, {} batches, {} records, {} index entries, {:.1f} MB in {:.1f} s "
      "({:.0f} MB/s)",
      totals_.partitions, totals_.segments, totals_.batches, totals_.records, totals_.index_entries,
      static_cast<double>(totals_.bytes) / kMega, seconds,
      static_cast<double>(totals_.bytes) / kMega / std::max(seconds, 1e-3)));
  if (totals_.missing_offsets > 0) {
    PrintLine(
        fmt::format("{} offsets have no batch, as compaction leaves it", totals_.missing_offsets));
  }
  PrintLine(fmt::format("{} errors, {} notices", totals_.errors, totals_.notices));
}

}  // namespace

int VerifyLog(const LogVerifyOptions& options) {
  LogVerifyOptions given = options;
  if (given.directories.empty()) given.directories = {"millrace-data"};
  return Verification(given).Run();
}

}  // namespace millrace::tools

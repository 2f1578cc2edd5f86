// Prints the batches of a log file, and their records where asked for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proto/record/batch.h"
#include "proto/record/record_reader.h"
#include "storage/file_system.h"
#include "storage/log_scan.h"
#include "tools/dump_internal.h"
#include "tools/log_commands.h"

namespace millrace::tools {

// The exit codes.
inline constexpr int kWhole = 0;
inline constexpr int kDamaged = 1;
inline constexpr int kCannotLook = 2;

// A line to stdout or stderr.
void PrintLine(std::string_view text);
void PrintError(std::string_view text);

class LogDump {
 public:
  explicit LogDump(const LogDumpOptions& options) : options_(options) {}

  // `path` is of a file that holds batches: a segment, something cut from one, or the metadata
  // store's snapshot. Returns an exit code.
  int Dump(const std::string& path);
  // Whether as much was shown as was asked for.
  bool is_done() const { return options_.limit.has_value() && shown_ >= *options_.limit; }

 private:
  struct Source {
    std::string path;
    RecordSchema schema = RecordSchema::kNone;
    // A running broker writes at the end of this file.
    bool grows = false;
  };

  static Source Identify(const std::string& path);
  int DumpBatches(const storage::File& file, const Source& source, int64_t end);
  bool DumpBatch(const Source& source, const storage::LogScan::Intact& intact);
  // False: the records do not parse.
  bool DumpRecords(const Source& source, const storage::LogScan::Intact& intact);
  void ShowBatch(const Source& source, const record::BatchView& batch, int64_t position) const;
  void ShowRecord(const Source& source, const record::BatchView& batch,
                  const record::RecordView& record) const;
  void ShowDamage(const Source& source, int64_t position, std::string_view kind,
                  const std::string& what) const;
  bool IsWanted(Offset first, Offset last) const;

  const LogDumpOptions& options_;
  int64_t shown_ = 0;
};

}  // namespace millrace::tools

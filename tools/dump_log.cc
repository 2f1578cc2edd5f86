#include "tools/dump_log.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include <absl/status/status.h>
#include <boost/json.hpp>
#include <fmt/format.h>

#include "proto/record/open_batch.h"
#include "storage/directory_listing.h"
#include "storage/directory_lock.h"
#include "storage/segment_files.h"
#include "tools/dump_record.h"

namespace millrace::tools {
namespace {

namespace json = boost::json;

constexpr std::string_view kUnfinished = "unfinished";
constexpr std::string_view kNotOpened = "too-large";

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

void PrintLine(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

void PrintError(std::string_view text) {
  std::fprintf(stderr, "millrace: %.*s\n", static_cast<int>(text.size()), text.data());
}

LogDump::Source LogDump::Identify(const std::string& path) {
  storage::FileSystem& fs = storage::PosixFileSystem();
  const std::string directory = storage::ParentDirectory(path);
  Source source{.path = path, .schema = SchemaOf(NameOf(directory), NameOf(path))};
  const auto name = storage::ParseSegmentName(NameOf(path));
  if (!name.has_value() || name->suffix != storage::kLogSuffix) return source;
  const auto listing = storage::ListLogDirectory(fs, directory);
  const bool is_last = listing.ok() && listing->segments.back() == name->offset;
  const auto in_use = storage::IsDirectoryLocked(fs, storage::ParentDirectory(directory));
  source.grows = is_last && in_use.ok() && *in_use;
  return source;
}

int LogDump::Dump(const std::string& path) {
  const auto file = storage::PosixFileSystem().Open(path, storage::OpenMode::kReadOnly);
  absl::Status status = file.status();
  if (file.ok()) {
    const Source source = Identify(path);
    const auto size = (*file)->Size();
    if (size.ok()) return DumpBatches(**file, source, *size);
    status = size.status();
  }
  PrintError(std::string(status.message()));
  return kCannotLook;
}

int LogDump::DumpBatches(const storage::File& file, const Source& source, int64_t end) {
  const auto name = storage::ParseSegmentName(NameOf(source.path));
  storage::LogScan scan(file, name.has_value() ? name->offset : Offset(0), end);
  int code = kWhole;
  while (!is_done()) {
    const auto step = scan.Next();
    if (!step.ok()) {
      PrintError(std::string(step.status().message()));
      return kCannotLook;
    }
    if (const auto* intact = std::get_if<storage::LogScan::Intact>(&*step)) {
      // Offsets ascend, so nothing further down is wanted either.
      const record::BatchView batch(intact->batch);
      if (options_.to.has_value() && batch.base_offset().value() > *options_.to) break;
      if (!DumpBatch(source, *intact)) code = kDamaged;
    } else if (const auto* damage = std::get_if<storage::LogScan::Damage>(&*step)) {
      if (source.grows && !damage->intact_follows) {
        ShowDamage(source, damage->position, kUnfinished,
                   fmt::format("the last {} bytes are being written by a broker", damage->size));
        continue;
      }
      code = kDamaged;
      ShowDamage(source, damage->position, FindingName(damage->kind),
                 damage->what +
                     (damage->intact_follows
                          ? fmt::format("; {} bytes are passed over", damage->size)
                          : fmt::format("; no intact batch follows in {} bytes", damage->size)));
    } else {
      break;
    }
  }
  return code;
}

bool LogDump::IsWanted(Offset first, Offset last) const {
  return last.value() >= options_.from.value_or(0) &&
         (!options_.to.has_value() || first.value() <= *options_.to);
}

bool LogDump::DumpBatch(const Source& source, const storage::LogScan::Intact& intact) {
  const record::BatchView batch(intact.batch);
  if (!IsWanted(batch.base_offset(), batch.last_offset())) return true;
  ShowBatch(source, batch, intact.position);
  if (options_.records) return DumpRecords(source, intact);
  ++shown_;
  return true;
}

bool LogDump::DumpRecords(const Source& source, const storage::LogScan::Intact& intact) {
  const record::BatchView batch(intact.batch);
  const bool is_empty = batch.record_count() == 0 && batch.records().empty();
  if (is_empty) return true;
  const auto visit = [&](const record::RecordView& record) {
    if (is_done()) return record::Walk::kStop;
    if (!IsWanted(record.offset, record.offset)) return record::Walk::kGoOn;
    ShowRecord(source, batch, record);
    ++shown_;
    return record::Walk::kGoOn;
  };
  const absl::Status walked =
      record::ForEachRecord(intact.batch, static_cast<size_t>(options_.max_batch_bytes), visit);
  if (walked.ok()) return true;
  const bool is_large = absl::IsResourceExhausted(walked);
  ShowDamage(source, intact.position,
             is_large ? kNotOpened : FindingName(storage::FindingKind::kRecords),
             std::string(walked.message()));
  return is_large;
}

void LogDump::ShowBatch(const Source& source, const record::BatchView& batch,
                        int64_t position) const {
  if (options_.json) {
    json::object object = BatchToJson(batch);
    object["file"] = source.path;
    object["position"] = position;
    PrintLine(json::serialize(object));
  } else {
    PrintLine(fmt::format("position {}: {}", position, BatchText(batch)));
  }
}

void LogDump::ShowRecord(const Source& source, const record::BatchView& batch,
                         const record::RecordView& record) const {
  const auto bytes_max = static_cast<size_t>(options_.max_bytes);
  std::optional<json::object> decoded;
  if (batch.is_control()) {
    decoded = MarkerToJson(record);
  } else {
    decoded = DecodeRecord(source.schema, TextOf(record.key), TextOf(record.value));
  }
  if (!options_.json) {
    PrintLine("  " + RecordText(record, decoded, bytes_max));
    return;
  }
  json::object object = RecordToJson(record, bytes_max);
  if (decoded.has_value()) object["decoded"] = *std::move(decoded);
  object["file"] = source.path;
  PrintLine(json::serialize(object));
}

void LogDump::ShowDamage(const Source& source, int64_t position, std::string_view kind,
                         const std::string& what) const {
  const bool is_damage = kind != kUnfinished && kind != kNotOpened;
  if (options_.json) {
    PrintLine(json::serialize(json::object{{"type", is_damage ? "damage" : "notice"},
                                           {"kind", kind},
                                           {"message", what},
                                           {"file", source.path},
                                           {"position", position}}));
  } else {
    PrintLine(fmt::format("position {}: {}: {}", position,
                          is_damage ? fmt::format("DAMAGED ({})", kind) : std::string(kind), what));
  }
}

}  // namespace millrace::tools

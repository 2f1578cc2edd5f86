// How a coordinator comes to life: by replay of its partition's log.
#include <chrono>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/service/group/coordinator.h"
#include "proto/record/batch.h"
#include "proto/record/open_batch.h"

namespace millrace::service {

namespace {

using core::group::Record;

constexpr int64_t kReadBytesMax = 1 << 20;
constexpr size_t kBatchRecordsBytesMax = size_t{64} << 20;

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What a piece of the log holds.
struct Piece {
  std::vector<Record> records;
  Offset next;  // the offset behind it
  int64_t unknown = 0;
};

absl::Status DecodeBatch(std::span<const std::byte> batch, Offset from, Piece& piece) {
  absl::Status status;
  absl::Status walked =
      record::ForEachRecord(batch, kBatchRecordsBytesMax, [&](const record::RecordView& one) {
        if (one.offset < from) return record::Walk::kGoOn;
        std::optional<std::string_view> value;
        if (one.value.has_value()) value = AsText(*one.value);
        auto decoded =
            core::group::Decode(AsText(one.key.value_or(std::span<const std::byte>())), value);
        if (!decoded.ok()) {
          status = absl::DataLossError(
              fmt::format("offset {}: {}", one.offset.value(), decoded.status().ToString()));
          return record::Walk::kStop;
        }
        if (decoded->has_value()) {
          piece.records.push_back(**std::move(decoded));
        } else {
          ++piece.unknown;
        }
        return record::Walk::kGoOn;
      });
  return walked.ok() ? status : walked;
}

// On the disk pool: the whole batches of a slice. The first is always whole.
absl::Status ReadPiece(const storage::FileSlice& slice, Offset from, Piece& piece) {
  std::vector<std::byte> bytes(static_cast<size_t>(slice.size));
  auto got = slice.file->ReadAt(slice.position, bytes);
  if (!got.ok()) return got.status();
  std::span<const std::byte> rest = std::span(bytes).first(*got);
  piece.next = from;
  while (record::IsIntact(rest)) {
    record::BatchView batch(rest);
    auto size = static_cast<size_t>(batch.size_bytes());
    if (!batch.is_control()) {
      absl::Status decoded = DecodeBatch(rest.first(size), from, piece);
      if (!decoded.ok()) return decoded;
    }
    piece.next = batch.next_offset();
    rest = rest.subspan(size);
  }
  if (piece.next > from) return absl::OkStatus();
  return absl::DataLossError(fmt::format("no whole batch at offset {}", from.value()));
}

}  // namespace

awaitable<void> Coordinator::Load() {
  auto self = shared_from_this();
  auto machine = std::make_unique<core::group::Machine>(environment_.options.machine);
  absl::Status status = co_await Replay(*machine);
  if (state_ != State::kLoading) co_return;
  if (!status.ok()) {
    spdlog::error("{}-{}: its groups are not available: {}", partition_->name().topic,
                  partition_->name().index.value(), status.ToString());
    state_ = State::kFailed;
    co_return;
  }
  Activate(std::move(machine));
}

void Coordinator::Activate(std::unique_ptr<core::group::Machine> machine) {
  machine_ = std::move(machine);
  state_ = State::kActive;
  core::group::Output output = machine_->OnLoaded();
  for (core::group::TimerChange& change : output.timers) ChangeTimer(std::move(change));
  ArmCleanup();
}

awaitable<absl::Status> Coordinator::Replay(core::group::Machine& machine) {
  Offset end = partition_->log().log_end();
  ErrorCode error = co_await WaitCommitted(end);
  Offset next = partition_->log().log_start_offset();
  int64_t unknown = 0;
  while (error == ErrorCode::kNone && next < end && state_ == State::kLoading) {
    partition::FetchOutcome fetched =
        partition_->Fetch({.from = next, .max_bytes = kReadBytesMax, .at_least_one_batch = true});
    error = fetched.error;
    if (error != ErrorCode::kNone) break;
    Piece piece;
    absl::Status read =
        co_await environment_.disk_pool.Run([&] { return ReadPiece(fetched.slice, next, piece); });
    if (!read.ok()) co_return read;
    for (const Record& one : piece.records) machine.Apply(one);
    next = piece.next;
    unknown += piece.unknown;
  }
  if (error != ErrorCode::kNone) co_return absl::UnavailableError(std::string(ErrorName(error)));
  if (unknown > 0) {
    spdlog::warn("{}-{}: {} records of a kind that this version does not know were left out",
                 partition_->name().topic, partition_->name().index.value(), unknown);
  }
  co_return absl::OkStatus();
}

// What was appended before the machine was dropped may still be on its way to the disk.
awaitable<ErrorCode> Coordinator::WaitCommitted(Offset end) {
  if (partition_->failure() != ErrorCode::kNone) co_return partition_->failure();
  if (partition_->IsCommitted(end)) co_return ErrorCode::kNone;
  PendingCall wait(environment_.shard);
  partition_->Park(wait, end);
  wait.wake_.expires_at(asio::steady_timer::time_point::max());
  co_await wait.wake_.async_wait(kAwait);
  co_return wait.failure_;
}

}  // namespace millrace::service

#include "broker/api/message_sets.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "proto/record/down_convert.h"
#include "proto/record/message_set.h"

namespace millrace::api {

namespace {

// More than this is converted elsewhere than on the shard.
constexpr size_t kInlineBytesMax = 64 << 10;
// Old clients take what is cut off for a message that is too large: an answer has room for a large
// one, or is empty.
constexpr int64_t kAnswerBytesMin = 2 << 20;

constexpr int16_t kMagic1Since = 2;

// On the codec pool.
void ConvertItem(FetchItem& item, int8_t magic, int64_t bytes_max, size_t decompressed_bytes_max) {
  const storage::FileSlice slice = std::exchange(item.outcome.slice, {});
  std::vector<std::byte> batches(static_cast<size_t>(slice.size));
  auto read = slice.file->ReadAt(slice.position, batches);
  if (!read.ok() || *read != batches.size()) {
    spdlog::error("{}-{}: records could not be read: {}", item.partition->name().topic,
                  item.key.index.value(),
                  read.ok() ? "the file is shorter than it was" : read.status().ToString());
    item.outcome.error = ErrorCode::kKafkaStorageError;
    return;
  }
  record::DownConverted converted = record::DownConvert(
      batches, {.magic = magic,
                .from = item.request.from,
                .max_bytes = static_cast<size_t>(std::max<int64_t>(bytes_max, 0)),
                .max_decompressed_bytes = decompressed_bytes_max});
  item.outcome.error = converted.error;
  // A client of that age cannot go past what has no records: its next read begins behind them.
  item.is_passed_over = converted.set.empty() && converted.error == ErrorCode::kNone &&
                        converted.next > item.request.from;
  if (item.is_passed_over) item.request.from = converted.next;
  item.message_set = std::move(converted.set);
}

// Messages are longer than records: the answer is cut to its size once more.
void ConvertItems(FetchCall& call, int8_t magic, int64_t bytes_max, size_t decompressed_bytes_max) {
  int64_t total = 0;
  for (FetchItem& item : call.items) {
    const int64_t room = std::min(bytes_max - total, item.request.max_bytes);
    if (item.outcome.slice.size == 0) continue;
    if (total > 0 && room <= 0) {
      item.outcome.slice = {};
      continue;
    }
    ConvertItem(item, magic, room, decompressed_bytes_max);
    total += static_cast<int64_t>(item.message_set.size());
  }
}

}  // namespace

awaitable<record::UpConverted> ConvertUp(const Services& services, std::span<const std::byte> set) {
  record::UpConverted converted;
  if (set.size() <= kInlineBytesMax) {
    converted = record::UpConvert(set, kInlineBytesMax);
    bool needs_more_bytes =
        converted.fault.has_value() && converted.fault->error == ErrorCode::kMessageTooLarge;
    if (!needs_more_bytes) co_return converted;
  }
  CodecPool& pool = services.codec_pool;
  co_await pool.Run(0, [&] { converted = record::UpConvert(set, pool.bytes_max()); });
  co_return converted;
}

awaitable<void> ConvertDown(const Services& services, FetchCall& call, int16_t version) {
  if (call.total_bytes() == 0) co_return;
  const int8_t magic = version < kMagic1Since ? record::kMagicV0 : record::kMagicV1;
  CodecPool& pool = services.codec_pool;
  // What is converted stays in memory until the client has taken it.
  const int64_t left = pool.budget().shared_left();
  if (left < kAnswerBytesMin) {
    for (FetchItem& item : call.items) item.outcome.slice = {};
    co_return;
  }
  const int64_t bytes_max = std::min(call.bytes_max, std::max(kAnswerBytesMin, left / 4));
  co_await pool.Run(static_cast<size_t>(bytes_max),
                    [&] { ConvertItems(call, magic, bytes_max, pool.bytes_max()); });
}

}  // namespace millrace::api

#include "tools/bench/fetch_frames.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "proto/wire/frame.h"

namespace millrace::bench {

void EncodeFetch(const TopicName& topic, int16_t version, const FetchLimits& limits,
                 std::span<const FetchFrom> from, wire::ByteBuffer& out) {
  std::vector<wire::FetchRequest::Partition> partitions;
  partitions.reserve(from.size());
  for (const FetchFrom& each : from) {
    partitions.push_back({.partition = each.partition,
                          .fetch_offset = each.offset,
                          .partition_max_bytes = limits.max_bytes});
  }
  wire::FetchRequest::Topic asked{.topic = topic.name,
                                  .topic_id = topic.id,
                                  .partitions = wire::Array(partitions.data(), partitions.size())};
  wire::FetchRequest request{.max_wait_ms = limits.max_wait_ms,
                             .min_bytes = limits.min_bytes,
                             .max_bytes = limits.max_bytes,
                             .topics = wire::Array(&asked, 1)};
  wire::EncodeRequest(out, {wire::FetchRequest::kInfo.key, version, 0, "millrace-bench"}, request);
}

absl::Status DecodeFetch(wire::Bytes answer, int16_t version, wire::Arena& arena,
                         wire::FetchResponse& response) {
  auto frame = wire::DecodeResponseFrame(
      answer, wire::ResponseHeaderVersion(wire::FetchResponse::kInfo, version));
  const char* fault = "it has no header";
  if (frame.has_value()) fault = wire::DecodeMessage(frame->body, version, arena, response);
  if (fault == nullptr) return absl::OkStatus();
  return absl::DataLossError(fmt::format("an answer to Fetch is malformed: {}", fault));
}

std::optional<std::span<const std::byte>> BatchCursor::Next() {
  if (rest_.size() < record::kBatchHeaderBytes) return std::nullopt;
  int64_t size = record::BatchView(rest_).size_bytes();
  if (size < static_cast<int64_t>(record::kBatchHeaderBytes) ||
      size > static_cast<int64_t>(rest_.size())) {
    return std::nullopt;
  }
  auto batch = rest_.first(static_cast<size_t>(size));
  rest_ = rest_.subspan(batch.size());
  return batch;
}

absl::StatusOr<uint64_t> OffsetTrack::Take(record::BatchView batch) {
  if (batch.magic() != record::kMagicV2) {
    return absl::DataLossError(fmt::format("a batch of magic {} at offset {}", batch.magic(),
                                           batch.base_offset().value()));
  }
  Offset first = batch.base_offset();
  if (batch.next_offset() <= next_) {
    return absl::DataLossError(fmt::format("a batch of the offsets {} to {} where {} is next",
                                           first.value(), batch.last_offset().value(),
                                           next_.value()));
  }
  missing_ += std::max<int64_t>(0, first - next_);
  int64_t records = batch.is_control() ? 0 : batch.record_count();
  // A fetch may begin within a batch.
  records -= std::clamp<int64_t>(next_ - first, 0, records);
  next_ = batch.next_offset();
  return static_cast<uint64_t>(records);
}

}  // namespace millrace::bench

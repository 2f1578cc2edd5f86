#include "proto/record/up_convert.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "proto/record/batch_builder.h"
#include "proto/record/batch_layout.h"
#include "proto/record/message_set.h"

namespace millrace::record {
namespace {

using Bytes = std::span<const std::byte>;
using Fault = std::optional<BatchFault>;

BatchFault Refuse(ErrorCode error, std::string message) {
  return {.error = error, .message = std::move(message), .record_index = std::nullopt};
}

// What a set is as a whole. `codec` is that of its one wrapper.
struct Survey {
  Fault fault;
  CodecType codec = CodecType::kNone;
};

// What can be said before anything is decompressed. A fault of a single message is left for
// ForEachMessage() to find.
Survey SurveySet(Bytes set) {
  Survey survey;
  std::optional<int8_t> magic;
  bool has_wrapper = false;
  MessageReader reader(set);
  while (const std::optional<MessageView> message = reader.Next()) {
    if (message->has_log_append_time()) {
      survey.fault =
          Refuse(ErrorCode::kInvalidTimestamp,
                 "clients may not mark a message as LogAppendTime; CreateTime is theirs");
      return survey;
    }
    if (message->magic != magic.value_or(message->magic)) {
      survey.fault =
          Refuse(ErrorCode::kInvalidRecord,
                 fmt::format("messages of magic {} and {} in one set", *magic, message->magic));
      return survey;
    }
    magic = message->magic;
    survey.codec = message->codec().value_or(CodecType::kNone);
    has_wrapper |= survey.codec != CodecType::kNone;
    if (has_wrapper && reader.messages_read() > 1) {
      survey.fault =
          Refuse(ErrorCode::kInvalidRecord, "a compressed message must be the only one of its set");
      return survey;
    }
  }
  return survey;
}

}  // namespace

UpConverted UpConvert(Bytes set, size_t max_bytes) {
  UpConverted result;
  Survey survey = SurveySet(set);
  if (survey.fault.has_value()) {
    result.fault = std::move(survey.fault);
    return result;
  }
  BatchBuilder builder({.codec = survey.codec});
  bool has_bad_time = false;
  result.fault = ForEachMessage(set, max_bytes, [&](const MessageView& message) {
    has_bad_time |= message.timestamp.value() < kAbsent;
    builder.Add({.timestamp = message.timestamp,
                 .key = message.key,
                 .value = message.value,
                 .headers = {}});
  });
  if (result.fault.has_value()) return result;
  if (has_bad_time) {
    result.fault = Refuse(ErrorCode::kInvalidTimestamp, "a message has a negative timestamp");
  } else if (builder.record_count() == 0) {
    result.fault = Refuse(ErrorCode::kInvalidRecord, "the message set is empty");
  }
  if (result.fault.has_value()) return result;
  auto built = std::move(builder).Build();
  if (built.ok()) {
    result.batch = *std::move(built);
  } else {
    result.fault = Refuse(ErrorCode::kInvalidRecord, std::string(built.status().message()));
  }
  return result;
}

}  // namespace millrace::record

#include "tools/kafka_status.h"

#include <array>
#include <charconv>
#include <string>

#include <absl/strings/cord.h>
#include <fmt/format.h>

namespace millrace::tools {

namespace {

constexpr const char* kPayload = "millrace/kafka-error";

struct Sentence {
  ErrorCode error;
  std::string_view text;
};
constexpr std::array kSentences = {
    Sentence{ErrorCode::kGroupIdNotFound, "there is no such group"},
    Sentence{ErrorCode::kInvalidGroupId, "this is no name of a group"},
    Sentence{ErrorCode::kNonEmptyGroup, "the group has members: stop its consumers first"},
    Sentence{ErrorCode::kUnknownMemberId, "the group has members: stop its consumers first"},
    Sentence{ErrorCode::kGroupSubscribedToTopic,
             "the group's members are subscribed to the topic: stop its consumers first"},
    Sentence{ErrorCode::kUnknownTopicOrPartition, "there is no such topic or partition"},
    Sentence{ErrorCode::kInvalidTopicException, "this is no name of a topic"},
    Sentence{ErrorCode::kLeaderNotAvailable, "no broker leads the partition now, try again"},
    Sentence{ErrorCode::kNotLeaderOrFollower, "the partition's leader has changed, try again"},
    Sentence{ErrorCode::kCoordinatorLoadInProgress, "the coordinator is loading, try again"},
    Sentence{ErrorCode::kCoordinatorNotAvailable, "the group has no coordinator now, try again"},
    Sentence{ErrorCode::kNotCoordinator, "the group's coordinator has changed, try again"},
};

std::string_view SentenceOf(ErrorCode error) {
  for (const Sentence& sentence : kSentences) {
    if (sentence.error == error) return sentence.text;
  }
  return "the broker refused";
}

}  // namespace

absl::Status KafkaError(ErrorCode error, std::string_view message) {
  if (message.empty()) message = SentenceOf(error);
  absl::Status status = absl::FailedPreconditionError(std::string(message));
  std::string number = fmt::format("{}", static_cast<int>(error));
  status.SetPayload(kPayload, absl::Cord(absl::string_view(number)));
  return status;
}

std::optional<ErrorCode> KafkaErrorOf(const absl::Status& status) {
  auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return std::nullopt;
  std::string text(*payload);
  int16_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return static_cast<ErrorCode>(number);
}

std::string_view ErrorNameOf(const absl::Status& status) {
  std::optional<ErrorCode> error = KafkaErrorOf(status);
  if (error.has_value()) return ErrorName(*error);
  bool is_ours = absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status);
  return is_ours ? "INVALID_REQUEST" : "UNAVAILABLE";
}

absl::Status WrongUsage(std::string_view message) {
  return absl::InvalidArgumentError(std::string(message));
}

}  // namespace millrace::tools

#include "broker/core/group/topic_pattern.h"

#include <re2/re2.h>

namespace millrace::core::group {

namespace {

// A client chooses the text, and each name is matched on the coordinator's shard: the program must
// be small. What people write has some ten instructions.
constexpr int kInstructionsMax = 1000;
constexpr int64_t kMemoryBytesMax = 1 << 20;

re2::RE2::Options OptionsOf() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMemoryBytesMax);
  return options;
}

re2::StringPiece AsPiece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

TopicPattern::TopicPattern(std::string_view text)
    : expression_(std::make_unique<re2::RE2>(AsPiece(text), OptionsOf())) {}
TopicPattern::TopicPattern(TopicPattern&&) noexcept = default;
TopicPattern& TopicPattern::operator=(TopicPattern&&) noexcept = default;
TopicPattern::~TopicPattern() = default;

bool TopicPattern::is_valid() const {
  return expression_->ok() && expression_->ProgramSize() <= kInstructionsMax;
}

bool TopicPattern::Matches(std::string_view topic) const {
  return is_valid() && re2::RE2::FullMatch(AsPiece(topic), *expression_);
}

}  // namespace millrace::core::group

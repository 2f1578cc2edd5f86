// A regular expression over topic names, in RE2's syntax, which is that of Kafka's brokers.
//
// Pure. The whole name must match.
#pragma once

#include <memory>
#include <string_view>

namespace re2 {
class RE2;
}

namespace millrace::core::group {

class TopicPattern {
 public:
  explicit TopicPattern(std::string_view text);
  TopicPattern(TopicPattern&&) noexcept;
  TopicPattern& operator=(TopicPattern&&) noexcept;
  ~TopicPattern();

  // False: the text is no expression, and nothing matches it.
  bool is_valid() const;
  bool Matches(std::string_view topic) const;

 private:
  std::unique_ptr<re2::RE2> expression_;
};

}  // namespace millrace::core::group

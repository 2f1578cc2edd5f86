// A topic as the metadata store keeps it. Pure. Format: docs/formats/metadata.md.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "broker/core/cluster_image.h"

namespace millrace::service {

inline constexpr std::string_view kTopicPrefix = "topics/";  // of its key

std::string TopicKey(std::string_view name);
std::string EncodeTopic(const core::TopicImage& topic);
// Null when the bytes are no topic.
std::shared_ptr<core::TopicImage> DecodeTopic(std::string name, const std::string& bytes);

}  // namespace millrace::service

// A topic as the metadata store keeps it. Pure. Format: docs/formats/metadata.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/core/cluster_image.h"
#include "broker/metadata/store.h"

namespace millrace::service {

inline constexpr std::string_view kTopicPrefix = "topics/";  // of its key

std::string TopicKey(std::string_view name);
std::string EncodeTopic(const core::TopicImage& topic);
// Null when the bytes are no topic.
std::shared_ptr<core::TopicImage> DecodeTopic(std::string name, const std::string& bytes);

// A topic as it stood in the store.
struct StoredTopic {
  std::shared_ptr<core::TopicImage> topic;
  metadata::Revision modified;
};
// From a listing of its key; none: it is not there, or its bytes are no topic.
std::optional<StoredTopic> FindStored(const metadata::Listing& listing, const std::string& name);
// Writes it again with what was changed in it, unless somebody else has meanwhile.
metadata::Transaction ReplaceStored(const StoredTopic& stored);

}  // namespace millrace::service

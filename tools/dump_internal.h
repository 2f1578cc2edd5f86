// The records of our own topics as readable values: group records of __consumer_offsets, and the
// metadata store's transactions and snapshot. Pure. Formats: docs/formats/groups.md, metadata.md.
#pragma once

#include <optional>
#include <string_view>

#include <boost/json.hpp>

namespace millrace::tools {

enum class RecordSchema { kNone, kGroups, kMetadataLog, kMetadataSnapshot };

// By the name of the partition's directory and of the file in it.
RecordSchema SchemaOf(std::string_view directory_name, std::string_view file_name);

// What the record says; none when it does not parse, or is of a kind that this version does not
// know.
std::optional<boost::json::object> DecodeRecord(RecordSchema schema,
                                                std::optional<std::string_view> key,
                                                std::optional<std::string_view> value);

}  // namespace millrace::tools

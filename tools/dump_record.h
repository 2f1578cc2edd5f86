// One batch header or record as JSON and as text. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "proto/record/batch.h"
#include "proto/record/record_reader.h"

namespace millrace::tools {

std::optional<std::string_view> TextOf(const std::optional<std::span<const std::byte>>& bytes);

boost::json::object BatchToJson(const record::BatchView& batch);
std::string BatchText(const record::BatchView& batch);

boost::json::object RecordToJson(const record::RecordView& record, size_t bytes_max);
// `decoded` stands in place of key and value.
std::string RecordText(const record::RecordView& record,
                       const std::optional<boost::json::object>& decoded, size_t bytes_max);

// What the record of a control batch says: that a transaction was committed or aborted.
std::optional<boost::json::object> MarkerToJson(const record::RecordView& record);

}  // namespace millrace::tools

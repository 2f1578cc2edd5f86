// Properties as answers show them, shared by the APIs that do.
#pragma once

#include "broker/core/config_view.h"
#include "proto/wire/arena.h"
#include "proto/wire/config_resource.h"
#include "proto/wire/create_topics.h"
#include "proto/wire/describe_configs.h"

namespace millrace::api {

struct ConfigDetails {
  bool synonyms = false;
  bool documentation = false;
};

wire::ConfigSource SourceOf(core::ConfigLayer layer);
wire::DescribeConfigsResponse::Config MakeConfig(const core::ConfigView& view,
                                                 const ConfigDetails& details, wire::Arena& arena);
// The properties of a topic that was created.
wire::Array<wire::CreateTopicsResponse::Config> MakeConfigs(
    const std::vector<core::ConfigView>& views, wire::Arena& arena);

}  // namespace millrace::api

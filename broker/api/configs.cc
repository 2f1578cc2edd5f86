// DescribeConfigs and ListConfigResources.
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include "broker/api/config_answer.h"
#include "broker/api/handlers.h"
#include "broker/api/loggers.h"
#include "proto/topic_name.h"

namespace millrace::api {

namespace {

using Response = wire::DescribeConfigsResponse;
using Resource = wire::DescribeConfigsRequest::Resource;
using wire::ConfigResourceType;

constexpr size_t kShownMax = 100;

struct Refusal {
  ErrorCode error = ErrorCode::kNone;
  std::string message;
};

Refusal Invalid(std::string message) { return {ErrorCode::kInvalidRequest, std::move(message)}; }

BrokerId SelfOf(const core::ClusterImage& image) {
  return BrokerId(static_cast<int32_t>(image.configs->at_start().Integer("node.id")));
}

// Only a broker itself knows its properties.
Refusal NotSelf(const core::ClusterImage& image, std::string_view name) {
  const std::string own = std::to_string(SelfOf(image).value());
  if (name == own) return {};
  return Invalid(fmt::format("this is broker {}, not '{}'", own, name.substr(0, kShownMax)));
}

class Describer {
 public:
  Describer(const Context& context, const wire::DescribeConfigsRequest& request)
      : arena_(context.arena()),
        image_(context.services.cluster.ptr()),
        details_{request.include_synonyms, request.include_documentation} {}

  void Describe(const Resource& resource, Response::Result& result) {
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    // Answers are far larger than requests; nobody needs one twice.
    bool is_new = seen_.emplace(resource.resource_type, resource.resource_name).second;
    Refusal refusal = is_new ? DescribeOne(resource, result)
                             : Invalid("the resource stands twice in the request");
    result.error_code = refusal.error;
    if (refusal.error != ErrorCode::kNone) result.error_message = arena_.Copy(refusal.message);
  }

 private:
  Refusal DescribeOne(const Resource& resource, Response::Result& result) {
    switch (resource.resource_type) {
      case ConfigResourceType::kTopic:
        return DescribeTopic(resource, result);
      case ConfigResourceType::kBroker:
        return DescribeBroker(resource, result);
      case ConfigResourceType::kBrokerLogger:
        return DescribeLoggers(resource, result);
      case ConfigResourceType::kClientMetrics:
        if (resource.resource_name.empty()) return Invalid("a subscription needs a name");
        return {};
      case ConfigResourceType::kGroup:
        return DescribeGroup(resource, result);
      case ConfigResourceType::kUnknown:
        break;
    }
    return Invalid(
        fmt::format("unknown resource type {}", static_cast<int>(resource.resource_type)));
  }

  Refusal DescribeTopic(const Resource& resource, Response::Result& result) {
    std::optional<std::string> bad_name = InvalidTopicName(resource.resource_name);
    if (bad_name.has_value()) return {ErrorCode::kInvalidTopicException, *std::move(bad_name)};
    const core::TopicImage* topic = image_->FindTopic(resource.resource_name);
    if (topic == nullptr) {
      return {ErrorCode::kUnknownTopicOrPartition,
              fmt::format("there is no topic '{}'", resource.resource_name)};
    }
    Put(core::ViewTopic(*image_->configs, topic->configs), resource, result);
    return {};
  }

  Refusal DescribeBroker(const Resource& resource, Response::Result& result) {
    if (resource.resource_name.empty()) {
      Put(core::ViewAllBrokers(*image_->configs), resource, result);
      return {};
    }
    Refusal refusal = NotSelf(*image_, resource.resource_name);
    if (refusal.error != ErrorCode::kNone) return refusal;
    Put(core::ViewBroker(*image_->configs), resource, result);
    return {};
  }

  // There need not be such a group: it may come.
  Refusal DescribeGroup(const Resource& resource, Response::Result& result) {
    if (resource.resource_name.empty()) return Invalid("a group needs a name");
    auto found = image_->groups->find(resource.resource_name);
    const bool is_set = found != image_->groups->end();
    Put(core::ViewGroup(*image_->configs, is_set ? found->second : core::PropertyValues()),
        resource, result);
    return {};
  }

  Refusal DescribeLoggers(const Resource& resource, Response::Result& result) {
    Refusal refusal = NotSelf(*image_, resource.resource_name);
    if (refusal.error != ErrorCode::kNone || !AskedKeys(resource).Has(kRootLogger)) return refusal;
    result.configs = arena_.NewArray<Response::Config>(1);
    result.configs[0].name = kRootLogger;
    result.configs[0].value = RootLoggerLevel();
    result.configs[0].config_source = wire::ConfigSource::kDynamicBrokerLoggerConfig;
    return {};
  }

  // Its keys are looked up once for each property: there may be very many.
  class AskedKeys {
   public:
    explicit AskedKeys(const Resource& resource) {
      const auto& keys = resource.configuration_keys;
      if (keys.has_value()) names_.insert(keys->begin(), keys->end());
    }
    bool Has(std::string_view name) const { return names_.empty() || names_.contains(name); }

   private:
    absl::flat_hash_set<std::string_view> names_;
  };

  void Put(const std::vector<core::ConfigView>& views, const Resource& resource,
           Response::Result& result) {
    const AskedKeys keys(resource);
    std::vector<const core::ConfigView*> asked;
    for (const core::ConfigView& view : views) {
      if (keys.Has(view.property->name)) asked.push_back(&view);
    }
    result.configs = arena_.NewArray<Response::Config>(asked.size());
    for (size_t i = 0; i < asked.size(); ++i) {
      result.configs[i] = MakeConfig(*asked[i], details_, arena_);
    }
  }

  wire::Arena& arena_;
  core::ImagePtr image_;
  ConfigDetails details_;
  std::set<std::pair<ConfigResourceType, std::string_view>> seen_;
};

bool IsKnown(ConfigResourceType type) {
  switch (type) {
    case ConfigResourceType::kTopic:
    case ConfigResourceType::kBroker:
    case ConfigResourceType::kBrokerLogger:
    case ConfigResourceType::kClientMetrics:
    case ConfigResourceType::kGroup:
      return true;
    case ConfigResourceType::kUnknown:
      break;
  }
  return false;
}

// Client metrics have no properties of their own here.
std::vector<wire::ListConfigResourcesResponse::Resource> ResourcesOf(
    const core::ClusterImage& image, const std::set<ConfigResourceType>& types,
    wire::Arena& arena) {
  std::vector<wire::ListConfigResourcesResponse::Resource> resources;
  if (types.contains(ConfigResourceType::kTopic)) {
    for (const auto& [name, topic] : image.topics()) {
      resources.push_back({arena.Copy(name), ConfigResourceType::kTopic});
    }
  }
  if (types.contains(ConfigResourceType::kGroup)) {
    for (const auto& [name, values] : *image.groups) {
      resources.push_back({arena.Copy(name), ConfigResourceType::kGroup});
    }
  }
  for (ConfigResourceType type : {ConfigResourceType::kBroker, ConfigResourceType::kBrokerLogger}) {
    if (!types.contains(type)) continue;
    for (const core::BrokerImage& broker : image.brokers) {
      resources.push_back({arena.Copy(fmt::format("{}", broker.id.value())), type});
    }
  }
  return resources;
}

}  // namespace

awaitable<void> HandleDescribeConfigs(Context& context, wire::DescribeConfigsRequest& request,
                                      AnswerSlot slot) {
  Response response;
  response.results = context.arena().NewArray<Response::Result>(request.resources.size());
  Describer describer(context, request);
  for (size_t i = 0; i < request.resources.size(); ++i) {
    describer.Describe(request.resources[i], response.results[i]);
  }
  Answer(context, slot, response);
  co_return;
}

awaitable<void> HandleListConfigResources(Context& context,
                                          wire::ListConfigResourcesRequest& request,
                                          AnswerSlot slot) {
  wire::ListConfigResourcesResponse response;
  std::set<ConfigResourceType> types(request.resource_types.begin(), request.resource_types.end());
  for (ConfigResourceType type : types) {
    if (!IsKnown(type)) response.error_code = ErrorCode::kUnsupportedVersion;
  }
  if (context.version == 0) {
    types = {ConfigResourceType::kClientMetrics};
  } else if (types.empty()) {
    types = {ConfigResourceType::kTopic, ConfigResourceType::kBroker,
             ConfigResourceType::kBrokerLogger, ConfigResourceType::kGroup};
  }
  core::ImagePtr image = context.services.cluster.ptr();
  if (response.error_code == ErrorCode::kNone) {
    auto resources = ResourcesOf(*image, types, context.arena());
    response.config_resources =
        context.arena().NewArray<wire::ListConfigResourcesResponse::Resource>(resources.size());
    std::copy(resources.begin(), resources.end(), response.config_resources.begin());
  }
  Answer(context, slot, response);
  co_return;
}

}  // namespace millrace::api

// ApiVersions: what this broker speaks, from the router's table.
#include <algorithm>
#include <cctype>

#include "broker/api/handlers.h"
#include "broker/api/router.h"

namespace millrace::api {

namespace {

constexpr int16_t kSoftwareSince = 3;

bool IsLetterOrDigit(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// Kafka's rule (KIP-511): letters and digits, with hyphens and dots inside.
bool IsSoftwareName(std::string_view text) {
  if (text.empty() || !IsLetterOrDigit(text.front()) || !IsLetterOrDigit(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsLetterOrDigit(c) || c == '-' || c == '.'; });
}

}  // namespace

awaitable<void> HandleApiVersions(Context& context, wire::ApiVersionsRequest& request,
                                  AnswerSlot slot) {
  wire::ApiVersionsResponse response;
  bool is_named =
      context.version < kSoftwareSince || (IsSoftwareName(request.client_software_name) &&
                                           IsSoftwareName(request.client_software_version));
  if (is_named) {
    response.api_keys =
        context.arena().NewArray<wire::ApiVersionsResponse::ApiVersion>(Apis().size());
    std::transform(Apis().begin(), Apis().end(), response.api_keys.begin(), [](const Api& api) {
      return wire::ApiVersionsResponse::ApiVersion{api.key, api.min_version, api.max_version};
    });
  } else {
    response.error_code = ErrorCode::kInvalidRequest;
  }
  Answer(context, slot, response);
  co_return;
}

}  // namespace millrace::api

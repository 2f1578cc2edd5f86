// The table of docs/protocol.md, from the router's.
#include <cstdio>
#include <string>

#include <fmt/format.h>

#include "broker/api/router.h"
#include "proto/wire/api_key.h"
#include "proto/wire/codec.h"
#include "tools/commands.h"

namespace millrace::tools {

namespace {

std::string Versions(const api::Api& api) {
  if (api.min_version == api.max_version) return fmt::format("{}", api.min_version);
  return fmt::format("{}–{}", api.min_version, api.max_version);
}

std::string FlexibleFrom(const api::Api& api) {
  if (api.flexible_from == wire::kNeverFlexible) return "never";
  return fmt::format("{}", api.flexible_from);
}

}  // namespace

int PrintProtocolReference() {
  std::puts("| Key | API | Versions | Flexible from | Since | Notes |");
  std::puts("|---|---|---|---|---|---|");
  for (const api::Api& api : api::Apis()) {
    std::string row =
        fmt::format("| {} | {} | {} | {} | {} | {} |", static_cast<int>(api.key),
                    wire::ApiName(api.key), Versions(api), FlexibleFrom(api), api.since, api.note);
    std::puts(row.c_str());
  }
  return 0;
}

}  // namespace millrace::tools

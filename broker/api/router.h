// The table of APIs: which versions are answered and by whom. ApiVersions answers from it, so what
// is advertised is what works.
//
// Threading: one router a shard, on that shard. Lifetime: outlives the shard's connections.
#pragma once

#include <span>
#include <string_view>

#include "broker/api/context.h"

namespace millrace::api {

struct Api {
  wire::ApiKey key;
  int16_t min_version;
  int16_t max_version;
  int16_t flexible_from;
  // Decodes the body that `context.frame` holds from `body` on, and handles the request: at once,
  // when what it returns is not valid().
  awaitable<void> (*handle)(Context context, wire::Bytes body, AnswerSlot slot);
  std::string_view since;  // the release that answers it first
  std::string_view note;   // what docs/protocol.md says of it; may be empty
};

// Ascending by key.
std::span<const Api> Apis();

class Router final : public FrameHandler {
 public:
  Router(const Services& services, Shard& shard, ShardMemory& memory)
      : services_(services), here_(shard, memory, services.options) {}

  awaitable<void> Handle(std::span<std::byte> frame, AnswerSlot slot, const Peer& peer) override;
  // Until no request of this shard waits for a high watermark.
  awaitable<void> Join() { return here_.parked.Join(); }

 private:
  const Services& services_;
  ShardState here_;
};

}  // namespace millrace::api

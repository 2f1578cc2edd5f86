// A small HTTP server for operators: GET and HEAD of pages that are made when they are asked for.
// Not for the open network: it has limits, but no users.
//
// Threading: its shard. Lifetime: Stop must have returned before it goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <absl/status/status.h>

#include "broker/runtime/shard.h"

namespace millrace::net {

struct HttpAnswer {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  // Answers a request for a path ("/metrics").
  using Handler = std::function<awaitable<HttpAnswer>(std::string path)>;

  HttpServer(Shard& shard, Handler handler);
  ~HttpServer();

  // Blocking; before the shard runs. Errors name the address.
  absl::Status Open(const std::string& host, uint16_t port);
  uint16_t port() const;
  void Start();
  awaitable<void> Stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::net

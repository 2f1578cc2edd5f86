// Arenas for requests, used again one after the other. A request that is parked keeps its own.
//
// Threading: one shard; a lease is returned on the shard it came from. The pool outlives its
// leases.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "proto/wire/arena.h"

namespace millrace::api {

class ArenaPool {
 public:
  class Lease {
   public:
    Lease(ArenaPool& pool, std::unique_ptr<wire::Arena> arena)
        : pool_(&pool), arena_(std::move(arena)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (arena_ != nullptr) pool_->Return(std::move(arena_));
    }
    wire::Arena& operator*() const { return *arena_; }
    wire::Arena* operator->() const { return arena_.get(); }

   private:
    ArenaPool* pool_;
    std::unique_ptr<wire::Arena> arena_;
  };

  // `arena_bytes_max`: what one request may fill with what it sends.
  explicit ArenaPool(size_t arena_bytes_max) : arena_bytes_max_(arena_bytes_max) {}

  Lease Take() {
    if (free_.empty()) return {*this, std::make_unique<wire::Arena>(arena_bytes_max_)};
    Lease lease(*this, std::move(free_.back()));
    free_.pop_back();
    return lease;
  }

 private:
  static constexpr size_t kKeptMax = 64;

  void Return(std::unique_ptr<wire::Arena> arena) {
    if (free_.size() >= kKeptMax) return;
    arena->Reset();
    free_.push_back(std::move(arena));
  }

  size_t arena_bytes_max_;
  std::vector<std::unique_ptr<wire::Arena>> free_;
};

}  // namespace millrace::api

// Cuts what a socket receives into frames.
//
//   while (true) {
//     absl::StatusOr<bool> more = receiver.Read(socket);
//     while (auto frame = receiver.Next()) Use(*frame);
//     if (!*more) break;
//   }
//
// One thread. The memory grows to the largest frame and is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <absl/status/statusor.h>

#include "proto/wire/codec.h"

namespace millrace::bench {

class FrameReceiver {
 public:
  // Receives once. False: the socket is empty. Fails when the connection is lost.
  // Precondition: Next() has returned none.
  absl::StatusOr<bool> Read(int descriptor);

  // The next whole frame, without its length; valid until the next Read().
  std::optional<wire::Bytes> Next();

 private:
  uint64_t NextFrameBytes() const;  // with its length; 0: not known yet
  void MakeRoom();

  std::unique_ptr<std::byte[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace millrace::bench

// Where the answer to a request goes: an empty place, in request order, that somebody fills later.
//
//   slot.buffer() is where the encoded answer is appended; then slot.Fill(), or slot.Fill(files)
//   when parts of it are sent from files. A request without an answer calls slot.Skip().
//
// Threading: the connection's shard. Lifetime: a slot keeps its connection's memory alive, not the
// connection open: filling the slot of a closed connection does nothing. A slot is filled exactly
// once; one that is destroyed unfilled closes its connection, because the order would be lost.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <absl/status/status.h>

#include "proto/wire/buffer.h"

namespace millrace {

// Asks the files that parts of answers lie in whether sending them would wait for the disk. One for
// all of them: `file` is what FilePart::keep_open points to.
class PartSource {
 public:
  virtual ~PartSource() = default;
  // As storage::File.
  virtual bool IsResident(const void* file, int64_t position, int64_t length) const = 0;
  // On a thread of the load pool.
  virtual absl::Status Load(const void* file, int64_t position, int64_t length) const = 0;
};

// Bytes of a file that belong into an answer before the byte at `position` of the buffer, counted
// from where the buffer ended when the slot's answer began.
struct FilePart {
  size_t position;
  int descriptor;
  int64_t offset;
  size_t size;
  std::shared_ptr<const void> keep_open;
  // Null: it is sent unasked. Lives for ever.
  const PartSource* source = nullptr;
  // Up to where the file was in the page cache a moment ago.
  int64_t resident_end = 0;
};

// Why a connection is closed after a fault of its client.
enum class AbortKind {
  kTooLarge,     // a frame beyond the limit
  kMalformed,    // what cannot be parsed
  kUnsupported,  // an API or a version that is not known
  kRefused,      // a request that is refused and has no answer to say so: acks=0
  kDropped,      // a request that was dropped unanswered
};

struct Fault {
  AbortKind kind;
  std::string_view what;
  std::optional<std::string_view> client_id = std::nullopt;
};

// Told about the connection of a request that waits. Both calls come on the connection's shard, at
// any time until the slot is filled, and must not fill it before they return.
class AnswerWatcher {
 public:
  virtual ~AnswerWatcher() = default;
  // Nobody will read the answer.
  virtual void OnClosed() = 0;
  // Who can answer with less, should do so.
  virtual void OnMemoryShort() = 0;
};

class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  virtual wire::ByteBuffer& BufferFor(uint64_t sequence) = 0;
  virtual void Fill(uint64_t sequence, std::span<FilePart> files) = 0;
  virtual void Skip(uint64_t sequence) = 0;
  // Counts an answer with this error code.
  virtual void NoteError(uint64_t sequence, int16_t error_code) = 0;
  // `watcher` lives until the slot is filled. False: closed already, it will be told nothing.
  virtual bool Watch(uint64_t sequence, AnswerWatcher& watcher) = 0;
  // Closes the connection after a fault of the client, which goes to the log.
  virtual void Abort(const Fault& fault) = 0;
};

class AnswerSlot {
 public:
  AnswerSlot() = default;
  AnswerSlot(std::shared_ptr<AnswerSink> sink, uint64_t sequence)
      : sink_(std::move(sink)), sequence_(sequence) {}
  AnswerSlot(AnswerSlot&& other) noexcept = default;
  AnswerSlot& operator=(AnswerSlot&& other) noexcept {
    std::swap(sink_, other.sink_);
    std::swap(sequence_, other.sequence_);
    return *this;
  }
  ~AnswerSlot() {
    if (sink_ != nullptr) {
      sink_->Abort({AbortKind::kDropped, "a request was dropped without an answer"});
    }
  }

  bool is_open() const { return sink_ != nullptr; }
  wire::ByteBuffer& buffer() { return sink_->BufferFor(sequence_); }
  void Fill(std::span<FilePart> files = {}) {
    std::exchange(sink_, nullptr)->Fill(sequence_, files);
  }
  void Skip() { std::exchange(sink_, nullptr)->Skip(sequence_); }
  void NoteError(int16_t error_code) { sink_->NoteError(sequence_, error_code); }
  // False: the connection is closed.
  bool Watch(AnswerWatcher& watcher) { return sink_->Watch(sequence_, watcher); }
  void Abort(const Fault& fault) { std::exchange(sink_, nullptr)->Abort(fault); }

 private:
  std::shared_ptr<AnswerSink> sink_;
  uint64_t sequence_ = 0;
};

}  // namespace millrace

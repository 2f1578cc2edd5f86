// The answers of one connection on their way out, in request order: a place for each open request,
// and the bytes and file parts that are ready to be sent.
//
// Threading: the connection's shard. Pure bookkeeping but for Send, which writes to the socket.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <boost/circular_buffer.hpp>

#include "broker/runtime/answer.h"
#include "broker/runtime/clock.h"
#include "proto/wire/buffer.h"

namespace millrace::net {

class AnswerQueue {
 public:
  // What a place remembers of its request, for those who count.
  struct Origin {
    size_t api = 0;
    MonotonicNs began;
  };

  // A place for the answer to the next request.
  uint64_t Open(Origin origin);
  const Origin& OriginOf(uint64_t sequence) { return SlotOf(sequence).origin; }
  // Where the answer is written; it must be filled or skipped before the next call for another.
  wire::ByteBuffer& BufferFor(uint64_t sequence);
  // The size of the answer.
  size_t Fill(uint64_t sequence, std::span<FilePart> files);
  void Skip(uint64_t sequence);
  void Watch(uint64_t sequence, AnswerWatcher& watcher) { SlotOf(sequence).watcher = &watcher; }

  // Requests whose answers are not ready to be sent.
  size_t open_slots() const { return slots_.size(); }
  // How many requests have been answered, or needed no answer.
  uint64_t answered() const { return first_; }
  // Bytes that can be sent at once and are not.
  size_t unsent_bytes() const { return out_.size() - sent_ + file_bytes_; }
  // Whether some of them are in files.
  bool has_files() const { return !files_.empty(); }
  // With those that wait for an answer before them.
  size_t pending_bytes() const { return unsent_bytes() + behind_bytes_; }
  // Memory in use, without what requests that wait hold themselves.
  size_t memory_bytes() const {
    return out_.capacity() + behind_memory_ + slots_.capacity() * sizeof(Slot) +
           files_.capacity() * sizeof(FilePart);
  }

  // Gives back memory that is kept for the next answers.
  void ReleaseSpare();
  // Tells who waits to answer with what there is.
  void AnswerWaiting();
  // Tells who waits that the answer goes nowhere, and forgets everything.
  void Close();

  enum class SendResult { kDone, kBlocked, kTurnOver, kCold, kFailed };
  // Sends what is ready, without waiting, and of files no more than `turn_bytes`.
  // kTurnOver: there is more, and the socket may take it. kFailed: the peer is gone, or a file is
  // shorter than announced; the connection must be closed, for the length of the answer is already
  // out. kCold: what comes next is not in the page cache; Cold() has to be loaded first.
  SendResult Send(int socket, size_t turn_bytes);
  // Precondition: Send() has returned kCold. The part, cut to what should be loaded of it.
  FilePart Cold() const;
  // It was loaded, and is sent next without being asked about again.
  void OnLoaded();

 private:
  struct Slot {
    Origin origin;
    AnswerWatcher* watcher = nullptr;
    bool is_ready = false;
    wire::ByteBuffer bytes;
    std::vector<FilePart> files;
  };

  Slot& SlotOf(uint64_t sequence) { return slots_[static_cast<size_t>(sequence - first_)]; }
  void AddFiles(size_t base, std::span<FilePart> files);
  void MoveReadySlots();
  size_t TakeInSmallParts(size_t bytes_max);
  void ForgetResidence();
  void OnHeldUp();
  void DropSent();
  SendResult SendBytes(int socket, size_t end, bool more);
  SendResult SendFilePart(int socket, FilePart& part, size_t& turn_left);

  uint64_t first_ = 0;  // sequence of slots_.front()
  // Without memory until something is in them: most connections are idle.
  boost::circular_buffer<Slot> slots_;
  wire::ByteBuffer out_;                    // ready answers, in order
  size_t head_start_ = 0;                   // where the answer of slots_.front() began in out_
  size_t sent_ = 0;                         // bytes of out_ that are sent
  boost::circular_buffer<FilePart> files_;  // positions are in out_
  size_t file_bytes_ = 0;
  bool is_behind_ = false;    // more is ready than was sent: what is known of parts grows old
  size_t behind_bytes_ = 0;   // of answers that are ready, behind one that is not
  size_t behind_memory_ = 0;  // which their buffers take
};

}  // namespace millrace::net

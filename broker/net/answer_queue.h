// The answers of one connection on their way out, in request order: a place for each open request,
// and the bytes and file parts that are ready to be sent.
//
// Threading: the connection's shard. Pure bookkeeping but for Send, which writes to the socket.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "broker/runtime/answer.h"
#include "proto/wire/buffer.h"

namespace millrace::net {

class AnswerQueue {
 public:
  // A place for the answer to the next request.
  uint64_t Open();
  // Where the answer is written; it must be filled or skipped before the next call for another.
  wire::ByteBuffer& BufferFor(uint64_t sequence);
  void Fill(uint64_t sequence, std::span<FilePart> files);
  void Skip(uint64_t sequence);

  // Requests whose answers are not ready to be sent.
  size_t open_slots() const { return slots_.size(); }
  // Bytes that are ready and not sent.
  size_t unsent_bytes() const { return out_.size() - sent_ + file_bytes_; }

  enum class SendResult { kDone, kBlocked, kFailed };
  // Sends what is ready, without waiting. kFailed: the peer is gone, or a file is shorter than
  // announced; the connection must be closed, for the length of the answer is already out.
  SendResult Send(int socket);

 private:
  struct Slot {
    bool is_ready = false;
    wire::ByteBuffer bytes;
    std::vector<FilePart> files;
  };

  Slot& SlotOf(uint64_t sequence) { return slots_[static_cast<size_t>(sequence - first_)]; }
  void AddFiles(size_t base, std::span<FilePart> files);
  void MoveReadySlots();
  void DropSent();
  SendResult SendBytes(int socket, size_t end, bool more);
  SendResult SendFilePart(int socket, FilePart& part);

  uint64_t first_ = 0;  // sequence of slots_.front()
  std::deque<Slot> slots_;
  wire::ByteBuffer out_;        // ready answers, in order
  size_t head_start_ = 0;       // where the answer of slots_.front() began in out_
  size_t sent_ = 0;             // bytes of out_ that are sent
  std::deque<FilePart> files_;  // positions are in out_
  size_t file_bytes_ = 0;
};

}  // namespace millrace::net

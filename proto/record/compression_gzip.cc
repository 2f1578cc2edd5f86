#include <algorithm>
#include <limits>
#include <zlib.h>

#include <fmt/format.h>

#include "proto/record/compression_codecs.h"

namespace millrace::record {
namespace {

// The largest window, with the gzip wrapper rather than zlib's own.
constexpr int kGzipWindowBits = 15 + 16;
constexpr int kMemoryLevel = 8;

uInt Clamp(size_t size) {
  return static_cast<uInt>(std::min<size_t>(size, std::numeric_limits<uInt>::max()));
}

// zlib only reads what next_in points to.
void SetInput(z_stream& stream, std::span<const std::byte> in) {
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
  stream.avail_in = Clamp(in.size());
}

void SetOutput(z_stream& stream, std::span<std::byte> room) {
  stream.next_out = reinterpret_cast<Bytef*>(room.data());
  stream.avail_out = Clamp(room.size());
}

absl::Status OutOfMemory() { return absl::ResourceExhaustedError("gzip: out of memory"); }

class Inflater {
 public:
  Inflater() { ready_ = inflateInit2(&stream_, kGzipWindowBits) == Z_OK; }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool ready() const { return ready_; }

  // One member from the front of `in`, which is left with what follows it.
  absl::Status ReadMember(std::span<const std::byte>& in, BoundedOutput& out) {
    if (inflateReset(&stream_) != Z_OK) return OutOfMemory();
    while (true) {
      const std::span<std::byte> room = out.Room();
      SetInput(stream_, in);
      SetOutput(stream_, room);
      const size_t offered_in = stream_.avail_in;
      const size_t offered_out = stream_.avail_out;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      const size_t produced = offered_out - stream_.avail_out;
      const size_t consumed = offered_in - stream_.avail_in;
      in = in.subspan(consumed);
      out.Commit(produced);
      if (out.IsOverLimit()) return out.OverLimit();
      if (result == Z_STREAM_END) return absl::OkStatus();
      if (result == Z_MEM_ERROR) return OutOfMemory();
      if (result != Z_OK && result != Z_BUF_ERROR) {
        return absl::InvalidArgumentError(
            fmt::format("gzip: {}", stream_.msg != nullptr ? stream_.msg : "damaged"));
      }
      if (produced == 0 && consumed == 0) {
        return absl::InvalidArgumentError("gzip: the data end too early");
      }
    }
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

absl::Status DecompressGzip(std::span<const std::byte> in, BoundedOutput& out) {
  Inflater inflater;
  if (!inflater.ready()) return OutOfMemory();
  do {
    absl::Status status = inflater.ReadMember(in, out);
    if (!status.ok()) return status;
  } while (!in.empty());
  return absl::OkStatus();
}

absl::Status CompressGzip(std::span<const std::byte> in, std::optional<int> level,
                          std::vector<std::byte>& out) {
  z_stream stream{};
  const int taken = level.has_value() ? std::clamp(*level, 1, 9) : Z_DEFAULT_COMPRESSION;
  if (deflateInit2(&stream, taken, Z_DEFLATED, kGzipWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return OutOfMemory();
  }
  const size_t bound = deflateBound(&stream, in.size());
  if (in.size() > std::numeric_limits<uInt>::max() || bound > std::numeric_limits<uInt>::max()) {
    deflateEnd(&stream);
    return absl::InvalidArgumentError("gzip: more than 4 GiB at once");
  }
  const size_t start = out.size();
  out.resize(start + bound);
  SetInput(stream, in);
  SetOutput(stream, std::span(out).subspan(start));
  const int result = deflate(&stream, Z_FINISH);
  out.resize(start + bound - stream.avail_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return absl::InternalError("gzip: deflate did not finish");
  return absl::OkStatus();
}

}  // namespace millrace::record

// Opens a batch that a client sent: checks every record of it, compressed ones too, and rebuilds it
// where another codec is wanted.
//
// Pure; any thread. Records, timestamps, offsets, headers and the producer's fields stay as they
// are: the block of records is packed anew, the header gets the codec, the length and the CRC.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "proto/record/batch.h"
#include "proto/record/compression.h"

namespace millrace::record {

struct RecompressOptions {
  CheckOptions check;
  // What the batch shall be compressed with. None, or its own codec: it stays as it is.
  std::optional<Compression> wanted;
  // What its records may take decompressed.
  size_t max_bytes;
};

struct Recompressed {
  std::optional<BatchFault> fault;
  // The fault is max_bytes alone: with more, the batch may be sound.
  bool needs_more_bytes = false;
  // The batch in the wanted codec. Empty: the one that was given is to be used.
  std::vector<std::byte> batch;
};

// Corrects a wrong maximum timestamp in `batch` itself, as AdmitBatch() does where it sees records.
// A batch that grows beyond options.check.max_batch_bytes is refused as MESSAGE_TOO_LARGE.
Recompressed Recompress(std::span<std::byte> batch, const RecompressOptions& options);

}  // namespace millrace::record

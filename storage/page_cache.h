// The kernel's page cache, asked about a descriptor: what PosixFile needs for cold reads.
//
// Stateless, any thread. Kernels without cachestat(2) (before 6.5), and sandboxes that refuse it,
// are asked with preadv2(RWF_NOWAIT); where that is not possible either, everything counts as
// resident.
#pragma once

#include <cstdint>
#include <optional>

namespace millrace::storage {

// Whether every page of the range is in the page cache, or on its way there. None where that
// cannot be known without a read: there is no cachestat.
std::optional<bool> AskPageCache(int descriptor, int64_t position, int64_t length);
// The same where a read may be tried instead, with which the kernel may begin to read ahead.
bool IsInPageCache(int descriptor, int64_t position, int64_t length);
// Whether the range can be read now: a byte in each 128 KiB is tried. Its pages are not on
// their way any more.
bool IsReadable(int descriptor, int64_t position, int64_t length);
// Reads the range into the page cache, without copying it, until it is there or the file ends.
// Returns 0 or an errno.
int LoadIntoPageCache(int descriptor, int64_t position, int64_t length);

}  // namespace millrace::storage

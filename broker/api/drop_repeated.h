// Requests that name the same thing twice.
//
// Pure.
#pragma once

#include <cstddef>
#include <type_traits>

#include <absl/container/flat_hash_set.h>

#include "proto/wire/arena.h"

namespace millrace::api {

// Keeps the first entry of each key. As in Kafka, what is asked for twice is answered once; a small
// request could ask for much, otherwise.
template <typename Entry, typename Key>
void DropRepeated(wire::Array<Entry>& entries, const Key& key_of) {
  if (entries.size() < 2) return;
  absl::flat_hash_set<std::decay_t<std::invoke_result_t<Key, const Entry&>>> seen;
  size_t kept = 0;
  for (const Entry& entry : entries) {
    if (seen.insert(key_of(entry)).second) entries[kept++] = entry;
  }
  entries.Shrink(kept);
}

}  // namespace millrace::api

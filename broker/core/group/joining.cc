#include "broker/core/group/joining.h"

#include "proto/cut_text.h"
#include "proto/invariant.h"
#include "proto/wire/codec.h"

namespace millrace::core::group {

Protocols Copy(std::span<const Join::Protocol> protocols) {
  Protocols copies;
  copies.reserve(protocols.size());
  for (const Join::Protocol& protocol : protocols) {
    copies.push_back({std::string(protocol.name), std::string(protocol.metadata)});
  }
  return copies;
}

// The name in front may be as long as a string on the wire can be, and so may the whole be: what is
// unique about it comes last and must not be cut off.
std::string NewMemberId(const Join& join) {
  size_t fresh_bytes = 1 + join.fresh_id.size();
  INVARIANT(fresh_bytes <= wire::kStringBytesMax);
  std::string id(
      CutText(join.who.instance_id.value_or(join.client_id), wire::kStringBytesMax - fresh_bytes));
  id += '-';
  id += join.fresh_id;
  return id;
}

}  // namespace millrace::core::group

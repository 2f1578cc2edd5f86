#include "storage/finding.h"

namespace millrace::storage {

std::string_view FindingName(FindingKind kind) {
  switch (kind) {
    case FindingKind::kUnreadable:
      return "unreadable";
    case FindingKind::kTruncated:
      return "truncated";
    case FindingKind::kLength:
      return "length";
    case FindingKind::kMagic:
      return "magic";
    case FindingKind::kLegacyFormat:
      return "legacy-format";
    case FindingKind::kCrc:
      return "crc";
    case FindingKind::kHeader:
      return "header";
    case FindingKind::kOffsets:
      return "offsets";
    case FindingKind::kRecords:
      return "records";
    case FindingKind::kTooLarge:
      return "too-large";
    case FindingKind::kTornTail:
      return "torn-tail";
    case FindingKind::kSegmentGap:
      return "segment-gap";
    case FindingKind::kFileName:
      return "file-name";
    case FindingKind::kOffsetIndex:
      return "offset-index";
    case FindingKind::kTimeIndex:
      return "time-index";
    case FindingKind::kTransactionIndex:
      return "transaction-index";
    case FindingKind::kMissingFile:
      return "missing-file";
    case FindingKind::kProducerSnapshot:
      return "producer-snapshot";
    case FindingKind::kLeaderEpoch:
      return "leader-epoch";
    case FindingKind::kTopicId:
      return "topic-id";
    case FindingKind::kIdentity:
      return "identity";
    case FindingKind::kCheckpoint:
      return "checkpoint";
    case FindingKind::kStray:
      return "stray";
    case FindingKind::kUncleanStop:
      return "unclean-stop";
  }
  return "unknown";
}

}  // namespace millrace::storage

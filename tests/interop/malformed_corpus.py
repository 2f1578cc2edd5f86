"""Malformed frames, made from requests that are not: the same ones in every run.

The sound requests are those that Kafka's Java client encoded (tests/data/golden), of every API and
version. Each is cut, lengthened and lied in, field by field as far as that can be done without
knowing the fields.
"""

import os
import random
import struct

import support
import wire

GOLDEN = os.path.join(support.ROOT, "tests", "data", "golden", "kafka-clients-4.3.0.txt")
# Kafka's API keys, by the names that the golden file uses.
KEYS = {name: key for key, name in enumerate((
    "Produce Fetch ListOffsets Metadata LeaderAndIsr StopReplica UpdateMetadata ControlledShutdown "
    "OffsetCommit OffsetFetch FindCoordinator JoinGroup Heartbeat LeaveGroup SyncGroup "
    "DescribeGroups ListGroups SaslHandshake ApiVersions CreateTopics DeleteTopics DeleteRecords "
    "InitProducerId OffsetForLeaderEpoch AddPartitionsToTxn AddOffsetsToTxn EndTxn WriteTxnMarkers "
    "TxnOffsetCommit DescribeAcls CreateAcls DeleteAcls DescribeConfigs AlterConfigs "
    "AlterReplicaLogDirs DescribeLogDirs SaslAuthenticate CreatePartitions CreateDelegationToken "
    "RenewDelegationToken ExpireDelegationToken DescribeDelegationToken DeleteGroups ElectLeaders "
    "IncrementalAlterConfigs AlterPartitionReassignments ListPartitionReassignments OffsetDelete "
    "DescribeClientQuotas AlterClientQuotas DescribeUserScramCredentials AlterUserScramCredentials "
    "Vote BeginQuorumEpoch EndQuorumEpoch DescribeQuorum AlterPartition UpdateFeatures Envelope "
    "FetchSnapshot DescribeCluster DescribeProducers BrokerRegistration BrokerHeartbeat "
    "UnregisterBroker DescribeTransactions ListTransactions AllocateProducerIds "
    "ConsumerGroupHeartbeat ConsumerGroupDescribe ControllerRegistration GetTelemetrySubscriptions "
    "PushTelemetry AssignReplicasToDirs ListConfigResources DescribeTopicPartitions").split())}
# From this version on a request's header ends with tagged fields.
FLEXIBLE_FROM = {0: 9, 1: 12, 2: 6, 3: 9, 8: 8, 9: 6, 10: 3, 11: 6, 12: 4, 13: 4, 14: 4, 15: 5,
                 16: 3, 18: 3, 19: 5, 20: 4, 21: 2, 22: 2, 23: 4, 32: 4, 33: 2, 35: 2, 37: 2,
                 42: 2, 44: 1, 60: 0, 61: 0, 74: 0, 75: 0}
BODY_BYTES_MAX = 300
CUTS_MAX, LIES_MAX = 40, 24
OVERLONG = b"\xff\xff\xff\xff\xff\xff\x01"
LIES = (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\x00\x00\x00", b"\xff\xff\xff\xff\x07",
        OVERLONG, b"\x7f\xff", b"\x80\x00")


def golden_bodies():
    """(API key, version) -> bodies of requests, each once."""
    bodies = {}
    with open(GOLDEN, encoding="ascii") as file:
        for line in file:
            name, kind, version, *body = line.split()
            if kind != "request" or name not in KEYS:
                continue
            data = bytes.fromhex(body[0]) if body else b""
            known = bodies.setdefault((KEYS[name], int(version)), [])
            if len(data) <= BODY_BYTES_MAX and data not in known:
                known.append(data)
    return bodies


def header(key, version):
    data = struct.pack(">hhi", key, version, 7) + wire.string("corpus")
    return data + b"\0" if version >= FLEXIBLE_FROM.get(key, 1 << 15) else data


def framed(data):
    return struct.pack(">i", len(data)) + data


def spread(count, limit):
    """At most `limit` positions out of `count`, the first and last ones among them."""
    return range(count) if count <= limit else sorted({i * (count - 1) // (limit - 1)
                                                        for i in range(limit)})


def malformed(key, version, body, chance):
    """Frames that are no request of that API and version, or only just."""
    head = header(key, version)
    whole = head + body
    for cut in spread(len(whole), CUTS_MAX):
        yield framed(whole[:cut])
    for at in spread(len(body), LIES_MAX):
        lie = chance.choice(LIES)
        yield framed(head + body[:at] + lie + body[at + len(lie):])
        yield framed(head + body[:at] + lie + body[at:])
    yield framed(head + chance.randbytes(len(body) + 8))
    yield framed(whole + OVERLONG)
    yield framed(head[:-1] + OVERLONG + body)
    # Tagged fields: more than there are bytes, one with a size beyond the end, one out of order.
    for tags in (b"\xff\xff\xff\xff\x0f", b"\x01\x07\xff\xff\x03", b"\x02\x09\0\x03\0"):
        yield framed(head + body[:-1] + tags)
    for length in (len(whole) + 1, len(whole) - 1, 0, -1, (1 << 31) - 1):
        yield struct.pack(">i", length) + whole


def corpus(ranges):
    """Frames for each advertised API and version: `ranges` is key -> (lowest, highest)."""
    chance = random.Random(4)
    for (key, version), bodies in sorted(golden_bodies().items()):
        lowest, highest = ranges.get(key, (0, -1))
        if not lowest <= version <= highest or not bodies:
            continue
        for body in {min(bodies, key=len), max(bodies, key=len)}:
            yield from malformed(key, version, body, chance)
    for key in (*range(0, 120), 999, 32_767, -1, -32_768):
        for version in (-1, 0, 99, 32_767):
            yield framed(header(key, version) + chance.randbytes(20))

#!/usr/bin/env python3
"""Writes inputs for the fuzz targets, made of what Kafka and its clients wrote (tests/data).

    tests/fuzz/seeds.py DIRECTORY     DIRECTORY/<target>/<name>

How the corpus began; after a target or an API was added, README.md says what to do with them.
"""

import glob
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
DATA = os.path.join(ROOT, "tests", "data")
MESSAGE_BYTES_MAX = 300
CODECS = {"gzip": 0, "snappy": 1, "lz4": 2, "zstd": 3}  # as decompress.cc counts them


def hex_files(folder):
    """Name -> bytes."""
    found = {}
    for path in sorted(glob.glob(os.path.join(DATA, folder, "*.hex"))):
        with open(path, encoding="ascii") as file:
            lines = [line.split("#")[0] for line in file]
        found[os.path.basename(path)[:-4]] = bytes.fromhex("".join("".join(lines).split()))
    return found


def kafka_file(name):
    with open(os.path.join(DATA, "kafka-4.3.0", "orders-0", name), "rb") as file:
        return file.read()


def api_keys():
    with open(os.path.join(ROOT, "proto", "wire", "api_key.h"), encoding="ascii") as file:
        return {name: int(key) for name, key in re.findall(r"k(\w+) = (\d+),", file.read())}


def golden():
    """(api, kind, version) -> samples, longest first."""
    samples = {}
    for path in sorted(glob.glob(os.path.join(DATA, "golden", "*.txt"))):
        with open(path, encoding="ascii") as file:
            for line in file:
                words = line.split()
                content = bytes.fromhex(words[3]) if len(words) > 3 else b""
                samples.setdefault((words[0], words[1], int(words[2])), []).append(content)
    for contents in samples.values():
        contents.sort(key=len, reverse=True)
    return samples


def messages():
    """The longest that is not too long, of the oldest, the newest and a version between."""
    keys = api_keys()
    samples = golden()
    versions = {}
    for api, kind, version in samples:
        versions.setdefault((api, kind), []).append(version)
    for (api, kind, version), contents in sorted(samples.items()):
        known = sorted(versions[api, kind])
        if api == "Header" or version not in (known[0], known[len(known) // 2], known[-1]):
            continue
        short = [content for content in contents if len(content) <= MESSAGE_BYTES_MAX]
        if short:
            second = version | (0x80 if kind == "response" else 0)
            yield f"{api}-{kind}-{version}", bytes([keys[api], second]) + short[0]


def frames():
    for (api, kind, version), contents in golden().items():
        if api == "Header":
            first = version + (3 if kind == "response" else 0)
            for i, content in enumerate(contents[-4:]):
                yield f"{kind}-{version}-{i}", bytes([first]) + content


def batches():
    for name, batch in hex_files("batches").items():
        for flags in (0x00, 0x1b, 0x47):
            yield f"{name}-{flags:02x}", bytes([flags]) + batch


def message_sets():
    for name, content in hex_files("message_sets").items():
        yield name, b"\x00" + content
    for name, batch in hex_files("batches").items():
        for how in (0x0d, 0x15, 0x25):
            yield f"batch-{name}-{how:02x}", bytes([how]) + batch


def decompress():
    text = b"All work and no play makes a log a dull log. " * 8
    for name, batch in hex_files("batches").items():
        codec = next((CODECS[word] for word in CODECS if word in name), None)
        if codec is not None:
            for room in (16, 4096):
                yield f"{name}-{room}", bytes([codec]) + struct.pack(">H", room) + batch[61:]
    for name, content in hex_files("message_sets").items():
        if name.startswith("v0_lz4"):
            yield name, bytes([0x40 | CODECS["lz4"], 0x10, 0]) + content[26:]
    for name, codec in CODECS.items():
        for level in (0, 3, 7):
            yield f"pack-{name}-{level}", bytes([0x80 | codec, level]) + text
        yield f"pack-{name}-magic-0", bytes([0xc0 | codec, 0]) + text[:7]


def segment_file(kind, offset, content):
    return bytes([kind]) + struct.pack(">HH", offset, len(content)) + content


def recovery():
    log, index, time_index, snapshot, epochs, stray, repair = 0, 1, 2, 3, 4, 5, 0x80
    parts = hex_files("batches")
    plain = parts["none"] + parts["lz4"] + parts["idempotent_lz4"] + parts["transactional"]
    newest = "00000000000000000632"
    kafka = (segment_file(log, 632, kafka_file(newest + ".log")) +
             segment_file(index, 632, kafka_file(newest + ".index")) +
             segment_file(time_index, 632, kafka_file(newest + ".timeindex")) +
             segment_file(snapshot, 632, kafka_file(newest + ".snapshot")) +
             segment_file(snapshot, 720, kafka_file("00000000000000000720.snapshot")) +
             segment_file(epochs, 0, b"0\n1\n3 632\n"))
    first = "00000000000000000000"
    two = (segment_file(log, 0, kafka_file(first + ".log")) +
           segment_file(log, 131, kafka_file("00000000000000000131.log")[:3000]))
    for flags in range(8):
        yield f"kafka-{flags}", bytes([flags]) + struct.pack(">HH", 0, 632) + kafka
    yield "kafka-below", bytes([0]) + struct.pack(">HH", 700, 650) + kafka
    yield "kafka-torn", bytes([0]) + struct.pack(">HH", 0, 0) + kafka[:4000]
    yield "two", bytes([0]) + struct.pack(">HH", 0, 0) + two
    yield "two-trusted", bytes([0]) + struct.pack(">HH", 140, 100) + two
    for flags in (0, 2, 8, 10):
        yield (f"repaired-{flags}", bytes([flags]) + struct.pack(">HH", 0, 0) +
               segment_file(log | repair, 5, plain) +
               segment_file(index, 5, struct.pack(">ii", 3, 0)) +
               segment_file(time_index, 5, struct.pack(">qi", 1700000000000, 3)) +
               segment_file(snapshot | repair, 5, kafka_file(newest + ".snapshot")) +
               segment_file(stray, 5, b"left") + segment_file(stray + 6, 5, b"left"))
    yield "empty", bytes([0]) + struct.pack(">HH", 0, 0)
    yield "nothing-there", bytes([0]) + struct.pack(">HH", 0, 9)


def state_files():
    meta = (b"# comment\ncluster.id=Abc-Def\\=x\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAA\n"
            b"node.id=1\nversion=1\n")
    checkpoint = b"0\n2\norders 0 720\norders 1 5\n"
    metadata = kafka_file("partition.metadata")
    entry = b"\x0a\x01a\x12\x02bc\x18\x01"
    yield "checkpoint", b"\x00" + checkpoint
    yield "meta", b"\x01" + meta
    yield "epochs", b"\x02" + b"0\n2\n0 0\n3 632\n"
    for offset in (131, 309, 632):
        yield f"snapshot-{offset}", b"\x03" + kafka_file(f"{offset:020}.snapshot")
    yield "metadata-snapshot", b"\x04" + b"\x08\x05\x12" + bytes([len(entry)]) + entry
    yield "metadata-change", b"\x05" + b"\x08\x05\x12\x07\x0a\x01a\x12\x02bc"
    yield "directory", b"\x06" + b"\xff".join([meta, metadata, checkpoint, checkpoint])
    yield "directory-new", b"\x06"
    names = ["orders", "orders-0", "orders-0.59c8b05a9e6941498d3561b4cfd88f7d-delete", "..",
             "../../etc/passwd", "a" * 249, "00000000000000000042.log", "99999999999999999999.log",
             "00000000000000000042.log.deleted", "fI_8-zPHQIabcdefghijkg"]
    for i, name in enumerate(names):
        yield f"name-{i}", b"\x07" + name.encode()


def properties():
    files = [
        "# the usual\nnode.id=7\nlisteners=PLAINTEXT://127.0.0.1:9092\nlog.dirs=/tmp/x\n",
        "listeners = PLAINTEXT://[::1]:0\nnum.shards: 2\n! more\nlog.retention.ms=\\\n  1000\n",
        "listeners=PLAINTEXT://:9092\nadvertised.listeners=PLAINTEXT://host:1\n",
        "process.roles=broker,controller\nlog.segment.bytes=1048576\nbroken",
        "listeners=SSL://x:1,PLAINTEXT://y:2\nlog.dirs=/a,/b\n", "=\n", "\\", "a\\\n",
    ]
    for i, text in enumerate(files):
        yield f"file-{i}", b"\x00" + text.encode()
    for i, value in enumerate(["true", "0", "-1", "9223372036854775807", "9223372036854775808",
                               "delete", "producer", "CreateTime", "1.5", "", " 7", "+7"]):
        for index in (0, 3, 9, 17):
            yield f"value-{i}-{index}", b"\x01" + struct.pack(">H", index) + value.encode()
    for i, name in enumerate(["retention.ms", "num.partition", "zookeeper.connect", ""]):
        for scope in (0, 1):
            yield (f"name-{i}-{scope}",
                   bytes([2, scope, len(name)]) + name.encode() + b"604800000")
    change = bytes([0, 0, 3, 1]) + b"5" + bytes([2, 0, 9, 7]) + b"compact" + bytes([1, 0, 3, 0])
    for how in range(4):
        yield f"change-{how}", bytes([3, how]) + change * 2


def varints():
    for i, content in enumerate(["00", "01", "7f", "8001", "ffffffff0f", "ffffffff1f",
                                 "ffffffffffffffffff01", "ffffffffffffffffff02", "80808000",
                                 "8080808080808080808000", "feffffff0f0102"]):
        yield f"{i}", bytes.fromhex(content)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for target in (batches, decompress, frames, message_sets, messages, properties, recovery,
                   state_files, varints):
        folder = os.path.join(sys.argv[1], target.__name__)
        os.makedirs(folder, exist_ok=True)
        for name, content in target():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)


if __name__ == "__main__":
    main()

"""Kafka 4.3.0's DumpLogSegments verifies the segments and indexes that the broker wrote."""

import base64
import random
import re
import unittest

import support
import wire
from clients import CODECS, JAVA_CLASS_PATH, Kcat, run

TOPIC = "dumped"
COMPLAINTS = re.compile(
    r"mismatch|out of order|Non-consecutive|Invalid|isvalid: false|Exception|could not|corrupt",
    re.IGNORECASE)
# The tool starts each file with -1 as the offset before: no complaint about a later segment.
FIRST_OFFSET = re.compile(r"^Non-consecutive offsets in .*\n((?:  -1 is followed by \d+\n)+)"
                          r"(?!  )", re.MULTILINE)
BATCH = re.compile(r"^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) .*"
                   r"compresscodec: (\w+) .*isvalid: (\w+)", re.MULTILINE)
ENTRY = re.compile(r"^(?:offset: \d+ position|timestamp: \d+ offset): \d+", re.MULTILINE)


def lines(seed, count):
    """Text that every codec compresses, but only a little, so that segments fill."""
    source = random.Random(seed)
    same = b"the same words again and again in every line of this text "
    return b"".join(same + base64.b64encode(source.randbytes(255)) + b"\n" for _ in range(count))


class DumpLogTest(support.BrokerTest):
    def setUp(self):
        support.require_kcat()
        support.require_java()
        super().setUp()
        self.broker = self.start_broker()
        self.next_offset = 0

    def dump(self, paths):
        done = run(["java", "-cp", JAVA_CLASS_PATH, "org.apache.kafka.tools.DumpLogSegments",
                    "--deep-iteration", "--files", ",".join(paths)])
        output = done.stdout.decode() + done.stderr.decode()
        output = FIRST_OFFSET.sub("", output)
        found = COMPLAINTS.search(output)
        if found:
            at = found.start()
            self.fail(f"DumpLogSegments complains: {output[max(0, at - 500):at + 1000]}")
        return output

    def fill(self, seed):
        for number, codec in enumerate(CODECS):
            run(Kcat.command(self.broker, "-P", "-t", TOPIC, "-p", "0",
                             "-X", f"compression.codec={codec}", "-X", "batch.size=20000",
                             "-X", "enable.idempotence=true"), lines(seed + number, 6000))
            self.next_offset += 6000

    def verify(self, segments_min):
        """Dumps every file; checks that batches join up from the first offset to the last."""
        logs = self.broker.partition_files(TOPIC, 0, ".log")
        self.assertGreaterEqual(len(logs), segments_min)
        batches = BATCH.findall(self.dump(logs))
        offset = 0
        for base, last, count, _, valid in batches:
            self.assertEqual((int(base), valid), (offset, "true"))
            self.assertEqual(int(count), int(last) - int(base) + 1)
            offset = int(last) + 1
        self.assertEqual(offset, self.next_offset)
        self.assertEqual({batch[3].lower() for batch in batches}, set(CODECS))
        # The newest segment may be too young for an entry. A time index has one only where the
        # largest timestamp grew.
        for suffix, entries_min in ((".index", 20), (".timeindex", 1)):
            indexes = self.broker.partition_files(TOPIC, 0, suffix)
            self.assertEqual(len(indexes), len(logs), suffix)
            self.assertGreaterEqual(len(ENTRY.findall(self.dump(indexes))),
                                    entries_min * (len(logs) - 1), suffix)
        snapshots = self.broker.partition_files(TOPIC, 0, ".snapshot")
        if snapshots:
            self.assertIn("producerId:", self.dump(snapshots))

    def test_what_the_broker_writes(self):
        wire.create_topic(self.broker, TOPIC, 1, segment_bytes=1 << 20)
        self.fill(1)
        with self.subTest("while it runs"):
            self.verify(segments_min=6)
        with self.subTest("after a clean stop"):
            self.broker.stop()
            self.verify(segments_min=6)
        self.broker.start()
        self.fill(2)
        with self.subTest("after kill -9"):
            self.broker.kill9()
            self.broker.start()
            self.verify(segments_min=12)
        with self.subTest("after records that followed kill -9"):
            self.fill(3)
            self.broker.stop()
            self.verify(segments_min=18)

    @unittest.skipIf(support.AGAINST_KAFKA, "Kafka keeps its own defaults")
    def test_a_broker_property_sets_the_segment_size(self):
        self.broker.stop()
        self.broker.settings["log.segment.bytes"] = 1 << 20
        self.broker.start()
        wire.create_topic(self.broker, TOPIC, 1)
        self.fill(4)
        self.broker.stop()
        self.verify(segments_min=6)


if __name__ == "__main__":
    support.main()

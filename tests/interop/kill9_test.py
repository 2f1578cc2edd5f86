"""kill -9 while an idempotent producer runs: nothing acknowledged is lost, repeated, reordered."""

import os
import random
import re

import support
import wire
from clients import Confluent, Java, Stream

PARTITIONS = 3
SEED = int(os.environ.get("MILLRACE_KILL_SEED", random.SystemRandom().randrange(1 << 32)))
ROUNDS = int(os.environ.get("MILLRACE_KILL_ROUNDS", "20"))
JAVA_ROUNDS = min(ROUNDS, 6)
ACKED_PER_ROUND_MAX = 5000
VALUE = re.compile(rb"(\d+):(\d+):x*")


class Kill9Test(support.BrokerTest):
    def setUp(self):
        super().setUp()
        print(f"seed {SEED} (MILLRACE_KILL_SEED repeats it)", flush=True)
        self.random = random.Random(SEED)

    def check(self, records, stream):
        """Every record that was sent is there once, in its producer's order."""
        self.assertEqual(stream.failed, [])
        self.assertEqual(len(stream.acked), stream.produced)
        sequences = {partition: [] for partition in range(PARTITIONS)}
        offsets = {partition: [] for partition in range(PARTITIONS)}
        for record in records:
            partition, sequence = map(int, VALUE.fullmatch(record.value).groups())
            self.assertEqual(partition, record.partition)
            sequences[partition].append(sequence)
            offsets[partition].append(record.offset)
        for partition in range(PARTITIONS):
            acked = sorted(s for p, s in stream.acked if p == partition)
            self.assertEqual(acked, list(range(len(acked))), "acknowledged")
            lost = sorted(set(acked) - set(sequences[partition]))
            self.assertEqual(lost, [], f"lost from partition {partition}")
            self.assertEqual(sequences[partition], acked, f"repeated or out of order: {partition}")
            self.assertEqual(offsets[partition], list(range(len(acked))), "offsets")

    def rounds(self, start_stream, count, consume):
        broker = self.start_broker()
        wire.create_topic(broker, "killed", PARTITIONS)
        stream = start_stream(broker, "killed", PARTITIONS)
        self.addCleanup(stream.close)
        for _ in range(count):
            more = self.random.randrange(1, ACKED_PER_ROUND_MAX)
            stream.wait_acked(len(stream.acked) + more)
            broker.kill9()
            broker.start()
        stream.wait_acked(len(stream.acked) + 1)
        stream.finish()
        print(f"{count} rounds, {len(stream.acked)} records", flush=True)
        self.check(consume(broker, "killed"), stream)
        # And once more from a log that was recovered with nobody writing.
        broker.kill9()
        broker.start()
        self.check(consume(broker, "killed"), stream)

    def test_confluent(self):
        support.require_confluent()
        self.rounds(Stream.confluent, ROUNDS, Confluent.consume)

    def test_java_with_defaults(self):
        support.require_java()
        self.rounds(Stream.java, JAVA_ROUNDS, Java.consume)


if __name__ == "__main__":
    support.main()

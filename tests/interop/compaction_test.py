"""A compacted topic: clients read what has gaps, from the start, inside gaps and by time."""

import collections
import re
import unittest

import support
import wire
from clients import JAVA_CLASS_PATH, Confluent, Kcat, Record, run
from driver import CLIENTS, TIMES, Driver, require_client

TOPIC = "compacted"
BASE_MS = 1_700_000_000_000
STEP_MS = 100
RECORDS = 6000
HOT_KEYS = 40
COLD_EVERY = 97  # one record in so many has a key of its own
SEGMENT_BYTES = 1 << 20
WORDS = b"no codec is used here, so that segments fill " * 20
READERS = ("confluent", "debian-confluent", "java-4.3", "java-3.9", "franz-go", "aiokafka",
           "kafka-python")
# They know message sets only, which cannot say that a batch has no records.
OLD_READERS = ("debian-kafka-python-0.10", "sarama-oldest")
# The tool complains about every gap, and gaps are what there is to be.
COMPLAINTS = re.compile(r"mismatch|out of order|isvalid: false|Exception|could not|corrupt|"
                        r"Invalid", re.IGNORECASE)


def record(number):
    key = b"cold-%d" % number if number % COLD_EVERY == 0 else b"hot-%d" % (number % HOT_KEYS)
    return Record(partition=0, timestamp=BASE_MS + STEP_MS * number, key=key,
                  value=b"%d %s" % (number, WORDS))


class CompactionTest(support.BrokerTest):
    def setUp(self):
        support.require_java()
        super().setUp()
        self.broker = self.start_broker(log_cleaner_backoff_ms=100,
                                        log_retention_check_interval_ms=1000)
        wire.create_topic(self.broker, TOPIC, 1, cleanup_policy="compact",
                          segment_bytes=SEGMENT_BYTES, min_cleanable_dirty_ratio="0.01")
        self.sent = [record(number) for number in range(RECORDS)]
        self.producer = self.driver("java-4.3")

    def driver(self, name):
        require_client(name)
        driver = Driver(name, self.broker, self.path(f"{name}.err"))
        self.addCleanup(driver.close)
        return driver

    def segments(self):
        """For each segment: its base offset and how many records it has."""
        found = []
        for path in self.broker.partition_files(TOPIC, 0, ".log"):
            base = int(path.rsplit("/", 1)[1].split(".")[0])
            found.append((base, sum(count for _, _, count in wire.read_batches(path))))
        return found

    def is_clean(self):
        """Whether all but the active segment hold no more than one record for each key."""
        try:
            segments = self.segments()
        except FileNotFoundError:  # it was replaced just then
            return False
        keys = {r.key for r in self.sent[:segments[-1][0]]}
        return sum(count for _, count in segments[:-1]) <= len(keys)

    def fill(self):
        placed = self.producer.produce(TOPIC, self.sent)
        self.assertEqual([offset for _, offset in placed], list(range(RECORDS)))
        support.wait_until(self.is_clean, "the compaction")

    def expect_compacted(self, got):
        """Checks a whole read: offsets and contents as sent, and of each key the last record."""
        active_base = self.segments()[-1][0]
        last = {r.key: offset for offset, r in enumerate(self.sent)}
        offsets = [r.offset for r in got]
        self.assertEqual(offsets, sorted(set(offsets)))
        self.assertLess(len(offsets), RECORDS)
        for r in got:
            self.assertEqual((r.key, r.value), (self.sent[r.offset].key, self.sent[r.offset].value))
        self.assertLessEqual(set(last.values()), set(offsets))
        self.assertLessEqual(set(range(active_base, RECORDS)), set(offsets))
        self.assertEqual(collections.Counter(r.key for r in got if r.offset < active_base)
                         .most_common(1)[0][1], 1)
        return offsets

    def available(self, names):
        for name in names:
            try:
                yield name, self.driver(name)
            except unittest.SkipTest as reason:
                print(f"    SKIPPED: {reason}")

    def test_clients_read_it_from_the_start(self):
        self.fill()
        offsets = self.expect_compacted(Kcat.consume(self.broker, TOPIC))
        self.assertEqual(
            self.expect_compacted(self.producer.records("consume", topic=TOPIC)), offsets)
        support.require_confluent()
        self.assertEqual(self.expect_compacted(Confluent.consume(self.broker, TOPIC)), offsets)

    def gaps(self):
        """Some gaps: the offsets of the records before and behind each, the first and the last."""
        offsets = self.expect_compacted(Kcat.consume(self.broker, TOPIC))
        gaps = [(a, b) for a, b in zip([-1, *offsets], offsets) if b - a > 1]
        self.assertGreater(len(gaps), 20)
        return gaps[:2] + gaps[-2:]

    def test_reading_goes_on_behind_a_gap(self):
        self.fill()
        gaps = self.gaps()
        for name, driver in self.available(READERS):
            with self.subTest(client=name):
                for before, after in gaps:
                    for inside in (before + 1, after):
                        read = driver.records("fetch", topic=TOPIC, partition=0, offset=inside)
                        self.assertEqual(read[0].offset, after, inside)
                    if TIMES not in CLIENTS[name].features:
                        continue
                    found = driver.value("offset", topic=TOPIC, partition=0,
                                         timestamp=BASE_MS + STEP_MS * (before + 1))
                    self.assertEqual(found, after)

    @unittest.skipIf(support.AGAINST_KAFKA, "Kafka 4 no longer speaks the protocol of these")
    def test_old_clients_get_past_batches_without_records(self):
        self.fill()
        gaps = self.gaps()
        for name, driver in self.available(OLD_READERS):
            with self.subTest(client=name):
                for before, after in gaps:
                    read = driver.records("fetch", topic=TOPIC, partition=0, offset=before + 1)
                    self.assertEqual(read[0].offset, after)

    def test_kafkas_tool_finds_the_files_sound(self):
        self.fill()
        for when in ("while it runs", "after a clean stop"):
            with self.subTest(when):
                files = [path for suffix in (".log", ".index", ".timeindex")
                         for path in self.broker.partition_files(TOPIC, 0, suffix)]
                done = run(["java", "-cp", JAVA_CLASS_PATH,
                            "org.apache.kafka.tools.DumpLogSegments", "--deep-iteration",
                            "--files", ",".join(files)])
                output = done.stdout.decode() + done.stderr.decode()
                self.assertIsNone(COMPLAINTS.search(output), output[-3000:])
            if when == "while it runs":
                self.broker.stop()

    @unittest.skipIf(support.AGAINST_KAFKA, "kill -9 of Kafka loses what it has not synced")
    def test_what_was_compacted_stays_so_after_kill9(self):
        self.fill()
        before = self.expect_compacted(Kcat.consume(self.broker, TOPIC))
        self.broker.kill9()
        self.broker.start()
        self.assertEqual(self.expect_compacted(Kcat.consume(self.broker, TOPIC)), before)

    def test_a_tombstone_takes_its_key_away(self):
        self.fill()
        gone = Record(partition=0, timestamp=BASE_MS + STEP_MS * RECORDS, key=b"hot-1", value=None)
        # Enough behind it that its segment is rolled; tombstones go at the second cleaning.
        self.producer.produce(TOPIC, [gone] + self.sent[:1500])

        def is_gone():
            return all(r.key != b"hot-1" or r.offset >= RECORDS or r.value is None
                       for r in Kcat.consume(self.broker, TOPIC))

        support.wait_until(is_gone, "the value that the tombstone removes")


if __name__ == "__main__":
    support.main()

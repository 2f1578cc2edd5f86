"""Debian's kcat (librdkafka 2.0.2) produces and consumes: codecs, keys, headers, acks, times."""

import json
import re
import time

import support
import wire
from clients import CODECS, Kcat, Record, run


class KcatTest(support.BrokerTest):
    def setUp(self):
        support.require_kcat()
        super().setUp()
        self.broker = self.start_broker()

    def records(self, count, partition=0, headers=()):
        return [Record(partition=partition, key=b"key-%d" % i,
                       value=b"%d: the same words again and again " % i * 20, headers=headers)
                for i in range(count)]

    def test_what_goes_in_comes_out_with_every_codec(self):
        for codec, code in CODECS.items():
            with self.subTest(codec=codec):
                topic = f"codec-{codec}"
                wire.create_topic(self.broker, topic, 1)
                sent = self.records(500, headers=(("a", b"1"), ("b", b"two"), ("a", b"3")))
                Kcat.produce(self.broker, topic, sent, {"compression.codec": codec})
                got = Kcat.consume(self.broker, topic)
                self.assertEqual([(r.key, r.value, r.headers) for r in got],
                                 [(r.key, r.value, r.headers) for r in sent])
                self.assertEqual([r.offset for r in got], list(range(500)))
                [segment] = self.broker.partition_files(topic, 0, ".log")
                batches = list(wire.read_batches(segment))
                self.assertEqual({batch[1] for batch in batches}, {code}, "codecs on disk")
                self.assertEqual(sum(batch[2] for batch in batches), 500)

    def test_the_short_option_for_a_codec(self):
        wire.create_topic(self.broker, "short", 1)
        for number, codec in enumerate(["gzip", "snappy", "lz4", "zstd"], 1):
            run(Kcat.command(self.broker, "-P", "-t", "short", "-p", "0", "-z", codec),
                b"the same words again and again \n" * 200)
            [segment] = self.broker.partition_files("short", 0, ".log")
            self.assertEqual(list(wire.read_batches(segment))[-1][1], number, codec)
        self.assertEqual(len(Kcat.consume(self.broker, "short")), 800)

    def test_partitions_keep_apart(self):
        wire.create_topic(self.broker, "parts", 3)
        for partition in range(3):
            Kcat.produce(self.broker, "parts", self.records(10 + partition, partition))
        for partition in range(3):
            got = Kcat.consume(self.broker, "parts", partition)
            self.assertEqual([r.key for r in got],
                             [r.key for r in self.records(10 + partition)])
        self.assertEqual(len(Kcat.consume(self.broker, "parts")), 33)

    def test_every_acks(self):
        for acks in ("0", "1", "all"):
            for name in ("acks", "topic.acks"):
                with self.subTest(acks=acks, name=name):
                    topic = f"{name}-{acks}"
                    wire.create_topic(self.broker, topic, 1)
                    sent = self.records(50)
                    Kcat.produce(self.broker, topic, sent, {name: acks})
                    got = Kcat.consume(self.broker, topic, 0, count=50)
                    self.assertEqual([r.value for r in got], [r.value for r in sent])

    def test_an_idempotent_producer(self):
        wire.create_topic(self.broker, "idempotent", 1)
        sent = self.records(300)
        Kcat.produce(self.broker, "idempotent", sent, {"enable.idempotence": "true"})
        self.assertEqual([r.value for r in Kcat.consume(self.broker, "idempotent")],
                         [r.value for r in sent])

    def test_offsets_from_the_end_and_by_number(self):
        wire.create_topic(self.broker, "offsets", 1)
        Kcat.produce(self.broker, "offsets", self.records(20))
        self.assertEqual([r.offset for r in Kcat.consume(self.broker, "offsets", 0, 7)],
                         list(range(7, 20)))
        self.assertEqual([r.offset for r in Kcat.consume(self.broker, "offsets", 0, -5)],
                         list(range(15, 20)))
        self.assertEqual(Kcat.consume(self.broker, "offsets", 0, "end"), [])

    def query(self, topic, timestamp):
        done = run(Kcat.command(self.broker, "-Q", "-t", f"{topic}:0:{timestamp}"))
        return int(re.search(r"offset (-?\d+)", done.stdout.decode()).group(1))

    def test_offsets_by_time(self):
        wire.create_topic(self.broker, "times", 1)
        Kcat.produce(self.broker, "times", self.records(10))
        newest = Kcat.consume(self.broker, "times")[-1].timestamp
        # The next records must be younger than all of these: their clock is the client's.
        support.wait_until(lambda: time.time() * 1000 > newest + 1, "the next millisecond")
        Kcat.produce(self.broker, "times", self.records(5))
        records = Kcat.consume(self.broker, "times")
        for record in records:
            expected = next(r.offset for r in records if r.timestamp >= record.timestamp)
            self.assertEqual(self.query("times", record.timestamp), expected)
        self.assertGreater(records[10].timestamp, newest)
        got = Kcat.consume(self.broker, "times", 0, f"s@{newest + 1}")
        self.assertEqual([r.offset for r in got], list(range(10, 15)))
        self.assertEqual(self.query("times", 0), 0)
        self.assertEqual(self.query("times", -2), 0, "the earliest")
        self.assertEqual(self.query("times", -1), 15, "the end")
        self.assertEqual(self.query("times", records[-1].timestamp + 1_000_000), -1, "the future")

    def test_metadata(self):
        wire.create_topic(self.broker, "listed", 4)
        listed = json.loads(run(Kcat.command(self.broker, "-L", "-J")).stdout)
        self.assertEqual([b["name"] for b in listed["brokers"]], [self.broker.address])
        topics = {topic["topic"]: topic for topic in listed["topics"]}
        self.assertEqual([p["partition"] for p in topics["listed"]["partitions"]], [0, 1, 2, 3])
        broker_id = listed["brokers"][0]["id"]
        for partition in topics["listed"]["partitions"]:
            self.assertEqual(partition["leader"], broker_id)
            self.assertEqual(partition["replicas"], [{"id": broker_id}])
            self.assertEqual(partition["isrs"], [{"id": broker_id}])
        text = run(Kcat.command(self.broker, "-L", "-t", "listed")).stdout.decode()
        self.assertIn('topic "listed" with 4 partitions', text)

    def test_a_topic_is_created_by_its_first_record(self):
        Kcat.produce(self.broker, "by-itself", self.records(3))
        self.assertEqual(len(Kcat.consume(self.broker, "by-itself")), 3)

    def test_a_large_record(self):
        wire.create_topic(self.broker, "large", 1)
        value = b"0123456789abcdef" * 62_000
        Kcat.produce(self.broker, "large", [Record(partition=0, key=b"k", value=value)],
                     {"compression.codec": "none"})
        self.assertEqual(Kcat.consume(self.broker, "large")[0].value, value)


if __name__ == "__main__":
    support.main()

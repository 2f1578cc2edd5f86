"""What every client must be able to do with a broker, written once.

A test program names its clients: `Suite = client_suite.of("aiokafka")`. The broker and the client's
driver live as long as the class; a test has topics of its own.
"""

import os
import shutil
import tempfile
import time
import unittest

import driver
import support
import wire
from clients import CODECS, Record

BASE_MS = int(time.time() * 1000) - 3_600_000  # Younger than any retention.
BROKER_OUTPUT_CHARACTERS_MAX = 4000
LARGE_VALUE_BYTES = 900_000
TOPIC_BYTES_MAX = 2_000
UNKNOWN_TOPIC, MESSAGE_TOO_LARGE = 3, 10
INVALID_TOPIC, TOPIC_EXISTS, INVALID_PARTITIONS = 17, 36, 37
BROKER_SETTINGS = {"auto.create.topics.enable": "false", "group.initial.rebalance.delay.ms": "0",
                   "offsets.topic.num.partitions": "1"}


def records(client, count, partitions=1):
    """Records with everything that the client can send."""
    can = driver.CLIENTS[client].features
    headers = (("number", b"1"), ("number", b"2"), ("bytes", b"\0\xff"), ("empty", b""))
    if driver.NULL_HEADERS in can:
        headers += (("none", None),)
    return [Record(partition=i % partitions, key=b"\0key\xff%d" % i,
                   timestamp=BASE_MS + 10 * i if driver.TIMESTAMPS in can else None,
                   value=b"%d: the same words again and again " % i * 20,
                   headers=headers if driver.HEADERS in can else ())
            for i in range(count)]


class Session:
    """A broker, and a running client of it unless `client` is None, for the tests of a class."""

    client = None
    more_settings = {}

    @classmethod
    def setUpClass(cls):
        if cls.client is not None:
            driver.require_client(cls.client)
        cls.folder = tempfile.mkdtemp(prefix="millrace-interop-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        kind = support.KafkaBroker if support.AGAINST_KAFKA else support.Broker
        cls.broker = kind(cls.folder, {**BROKER_SETTINGS, **cls.more_settings})
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()
        if support.AGAINST_KAFKA:
            support.wait_until(cls.has_coordinator, "Kafka's first coordinator")
        if cls.client is not None:
            cls.facts = driver.CLIENTS[cls.client]
            cls.driver = driver.Driver(cls.client, cls.broker, os.path.join(cls.folder, "driver"))
            cls.addClassCleanup(cls.driver.close)

    def tearDown(self):
        """No client may make the broker end; the next test has one again."""
        code = self.broker.process.poll()
        if code is not None:
            output = self.broker.output()[-BROKER_OUTPUT_CHARACTERS_MAX:]
            self.broker.start()
            self.fail(f"the broker ended with {code}:\n{output}")

    @classmethod
    def has_coordinator(cls):
        """Kafka makes one when it is first asked for, and not every client waits for it."""
        with wire.Connection(cls.broker) as connection:
            answer = connection.request(wire.API_FIND_COORDINATOR, 0, wire.string("g"))
        return answer is not None and answer[:2] == b"\0\0"


class Suite(Session):
    """The tests; `of` makes a test case of them for one client."""

    def refused(self, code, command, *arguments, **named):
        """The command must fail with one of Kafka's errors."""
        with self.assertRaises(driver.ClientError) as raised:
            command(*arguments, **named)
        self.assertEqual(raised.exception.code, code, str(raised.exception))

    def check(self, topic, sent):
        """What is in the topic is what was sent, in each partition in order and without a gap."""
        got = self.driver.records("consume", topic=topic)
        self.assertEqual(len(got), len(sent))
        for partition in {r.partition for r in sent}:
            wanted = [r for r in sent if r.partition == partition]
            found = [r for r in got if r.partition == partition]
            self.assertEqual([r.offset for r in found], list(range(len(wanted))))
            for record, expected in zip(found, wanted):
                if expected.timestamp is None:
                    record = record._replace(timestamp=None)
                self.assertEqual(record._replace(offset=None), expected)

    def test_every_codec(self):
        for codec in self.facts.codecs:
            with self.subTest(codec=codec):
                topic = f"codec-{codec}"
                wire.create_topic(self.broker, topic, 3)
                sent = records(self.client, 300, 3)
                placed = self.driver.produce(topic, sent, codec)
                self.assertEqual(sorted(placed), [(p, o) for p in range(3) for o in range(100)])
                self.check(topic, sent)
                for partition in range(3):
                    [segment] = self.broker.partition_files(topic, partition, ".log")
                    self.assertEqual({batch[1] for batch in wire.read_batches(segment)},
                                     {CODECS[codec]}, "codecs on disk")

    def test_null_and_empty_keys_and_values(self):
        wire.create_topic(self.broker, "nulls", 1)
        sent = [Record(partition=0, key=key, value=value)
                for key in (None, b"", b"k") for value in (None, b"", b"v")
                if (key, value) not in self.facts.cannot_send]
        self.driver.produce("nulls", sent)
        self.check("nulls", sent)

    def test_a_large_record(self):
        wire.create_topic(self.broker, "large", 1)
        sent = [Record(partition=0, key=b"k", value=os.urandom(LARGE_VALUE_BYTES)),
                Record(partition=0, key=b"k", value=b"small")]
        self.driver.produce("large", sent)
        self.check("large", sent)

    def test_the_earliest_and_the_latest_offset(self):
        wire.create_topic(self.broker, "ends", 2)
        self.driver.produce("ends", records(self.client, 20, 2))
        self.assertEqual(self.driver.value("offset", topic="ends", partition=1, timestamp=-2), 0)
        self.assertEqual(self.driver.value("offset", topic="ends", partition=1, timestamp=-1), 10)

    def test_offsets_by_time(self):
        wire.create_topic(self.broker, "times", 2)
        self.driver.produce("times", records(self.client, 100, 2))
        for timestamp, expected in [(0, 0), (BASE_MS + 200, 10), (BASE_MS + 201, 11),
                                    (BASE_MS + 10_000, None)]:
            with self.subTest(timestamp=timestamp - BASE_MS):
                self.assertEqual(self.driver.value("offset", topic="times", partition=0,
                                                   timestamp=timestamp), expected)

    def test_a_fetch_from_the_middle_and_beyond_the_end(self):
        wire.create_topic(self.broker, "middle", 1)
        sent = records(self.client, 50)
        self.driver.produce("middle", sent)
        [found, *_] = self.driver.records("fetch", topic="middle", partition=0, offset=37)
        self.assertEqual((found.offset, found.value), (37, sent[37].value))
        if self.facts.out_of_range is not None:
            self.refused(self.facts.out_of_range, self.driver.call, "fetch", topic="middle",
                         partition=0, offset=1000)

    def test_a_record_that_the_topic_refuses(self):
        wire.create_topic(self.broker, "narrow", 1, max_message_bytes=TOPIC_BYTES_MAX)
        self.refused(MESSAGE_TOO_LARGE, self.driver.produce, "narrow",
                     [Record(partition=0, value=b"x" * (2 * TOPIC_BYTES_MAX))])
        sent = [Record(partition=0, value=b"x" * (TOPIC_BYTES_MAX // 2))]
        self.driver.produce("narrow", sent)
        self.check("narrow", sent)

    def test_a_group_commits_and_resumes(self):
        wire.create_topic(self.broker, "grouped", 1)
        sent = records(self.client, 30)
        self.driver.produce("grouped", sent)
        self.assertIsNone(self.driver.value("committed", topic="grouped", group="g"))
        first = self.driver.records("group", topic="grouped", group="g", count=20)
        self.assertEqual([r.value for r in first], [r.value for r in sent[:20]])
        self.assertEqual(self.driver.value("committed", topic="grouped", group="g"), 20)
        rest = self.driver.records("group", topic="grouped", group="g", count=10)
        self.assertEqual([(r.offset, r.value) for r in rest],
                         [(20 + i, r.value) for i, r in enumerate(sent[20:])])
        self.assertEqual(self.driver.value("committed", topic="grouped", group="g"), 30)
        self.assertIsNone(self.driver.value("committed", topic="grouped", group="other"))
        if driver.GROUPS in self.facts.features:
            self.assertIn(["g"], self.driver.call("groups"))

    def count(self, topic):
        """A topic's partitions; None while it is not known."""
        try:
            return self.driver.value("describe", topic=topic)
        except driver.ClientError as error:
            if error.code != UNKNOWN_TOPIC:
                raise
            return None

    def test_topics(self):
        call = self.driver.call
        self.refused(UNKNOWN_TOPIC, call, "describe", topic="managed")
        call("create", topic="managed", partitions=3)
        support.wait_until(lambda: self.count("managed") == 3, "the topic")
        self.assertIn(["managed"], call("list"))
        self.refused(TOPIC_EXISTS, call, "create", topic="managed", partitions=3)
        self.refused(INVALID_TOPIC, call, "create", topic="a b", partitions=1)
        call("delete", topic="managed")
        support.wait_until(lambda: ["managed"] not in call("list"), "the topic's end")
        self.refused(UNKNOWN_TOPIC, call, "delete", topic="managed")
        # The same name starts again, empty.
        call("create", topic="managed", partitions=1)
        support.wait_until(lambda: self.count("managed") == 1, "the topic")
        sent = records(self.client, 5)
        self.driver.produce("managed", sent)
        self.check("managed", sent)

    def test_more_partitions(self):
        wire.create_topic(self.broker, "wider", 1)
        self.driver.call("partitions", topic="wider", count=4)
        support.wait_until(lambda: self.count("wider") == 4, "partitions")
        self.refused(INVALID_PARTITIONS, self.driver.call, "partitions", topic="wider", count=2)
        sent = records(self.client, 8, 4)
        self.driver.produce("wider", sent)
        self.check("wider", sent)

    def test_configs(self):
        wire.create_topic(self.broker, "configured", 1, retention_ms=3_600_000)
        call = self.driver.call

        def configs():
            return dict(call("configs", topic="configured"))

        self.assertEqual(configs()["retention.ms"], "3600000")
        self.assertEqual(configs()["cleanup.policy"], "delete")
        if driver.ALTER in self.facts.features:
            # The old way sets everything at once: what is not named is back at its default.
            call("alter", topic="configured", name="segment.bytes", value=2 << 20)
            support.wait_until(lambda: configs()["segment.bytes"] == str(2 << 20), "segment.bytes")
        if driver.ALTER_ONE in self.facts.features:
            call("alter-one", topic="configured", name="retention.bytes", value=5_000_000)
            support.wait_until(lambda: configs()["retention.bytes"] == "5000000", "retention.bytes")
            self.assertNotEqual(configs()["segment.bytes"], configs()["retention.bytes"])

    def test_deleted_records(self):
        wire.create_topic(self.broker, "shortened", 1)
        self.driver.produce("shortened", records(self.client, 20))
        low = self.driver.value("delete-records", topic="shortened", partition=0, offset=15)
        self.assertIn(low, (15, None))
        self.assertEqual(
            self.driver.value("offset", topic="shortened", partition=0, timestamp=-2), 15)
        got = self.driver.records("consume", topic="shortened")
        self.assertEqual([r.offset for r in got], [15, 16, 17, 18, 19])


NEEDS = {"test_offsets_by_time": driver.TIMES, "test_a_group_commits_and_resumes": driver.GROUP,
         "test_topics": driver.TOPICS, "test_more_partitions": driver.PARTITIONS,
         "test_configs": driver.CONFIGS, "test_deleted_records": driver.DELETE_RECORDS}


def of(name):
    """A test case: the suite for one of driver.CLIENTS, without what that client has not."""
    title = "".join(word.capitalize() for word in name.replace(".", "-").split("-"))
    features = driver.CLIENTS[name].features
    lacks = {test: None for test, feature in NEEDS.items() if feature not in features}
    return type(title + "Test", (Suite, unittest.TestCase), {"client": name, **lacks})

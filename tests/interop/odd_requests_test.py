"""Requests that parse and still make no sense: topic names that are paths, everything twice, empty
and null arrays, tagged fields that nobody knows."""

import os
import struct

import support
import wire
from wire import Connection

NONE, UNKNOWN_TOPIC, INVALID_TOPIC, INVALID_REQUEST = 0, 3, 17, 42
NULL = struct.pack(">i", -1)
EMPTY = struct.pack(">i", 0)
NAMES = ("../../etc/passwd", "..", ".", "", "a/b", "/etc/passwd", "a\0b", "\0", "a" * 250,
         "ümlaut", "日本", "a b", "a\nb", "%2e%2e", "C:\\x", "~", "a*", "$(id)", "a" * 32_000)


def compact(text):
    data = text.encode()
    return uvarint(len(data) + 1) + data


def uvarint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def create_body(names):
    body = struct.pack(">i", len(names))
    for name in names:
        body += wire.string(name) + struct.pack(">ihii", 1, 1, 0, 0)
    return body + struct.pack(">i?", 30_000, False)


def read_string(data, at):
    size = struct.unpack_from(">h", data, at)[0]
    return (None, at + 2) if size < 0 else (data[at + 2:at + 2 + size].decode(), at + 2 + size)


def created(answer):
    """[(name, error)] of a CreateTopics version 4 answer."""
    count, at, found = struct.unpack_from(">i", answer, 4)[0], 8, []
    for _ in range(count):
        name, at = read_string(answer, at)
        error = struct.unpack_from(">h", answer, at)[0]
        _, at = read_string(answer, at + 2)
        found.append((name, error))
    return found


def metadata_topics(answer):
    """[(name, error, partitions)] of a Metadata version 1 answer."""
    brokers, at = struct.unpack_from(">i", answer)[0], 4
    for _ in range(brokers):
        _, at = read_string(answer, at + 4)
        _, at = read_string(answer, at + 4)
    count, at, found = struct.unpack_from(">i", answer, at + 4)[0], at + 8, []
    for _ in range(count):
        error = struct.unpack_from(">h", answer, at)[0]
        name, at = read_string(answer, at + 2)
        partitions, at = struct.unpack_from(">i", answer, at + 1)[0], at + 5
        for _ in range(partitions):
            at += 10
            for _ in range(2):
                at += 4 + 4 * struct.unpack_from(">i", answer, at)[0]
        found.append((name, error, partitions))
    return found


class OddRequestsTest(support.BrokerTest):
    def setUp(self):
        super().setUp()
        self.broker = self.start_broker()
        wire.create_topic(self.broker, "t", 2)
        self.connection = Connection(self.broker)
        self.addCleanup(self.connection.socket.close)
        self.before = self.names_around()
        self.addCleanup(self.check_well)

    def names_around(self):
        return sorted(os.listdir(self.folder)) + sorted(os.listdir(self.broker.data_dir))

    def check_well(self):
        with Connection(self.broker) as connection:
            self.assertEqual(wire.produce(connection, "t", wire.batch([b"x"]), acks=-1)[0], NONE)

    def metadata(self, names):
        body = struct.pack(">i", len(names)) + b"".join(wire.string(name) for name in names)
        return metadata_topics(self.connection.request(wire.API_METADATA, 1, body))

    def test_names_that_are_paths_name_no_topic(self):
        for name in NAMES:
            with self.subTest(name=name[:40]):
                answer = self.connection.request(wire.API_CREATE_TOPICS, 4, create_body([name]))
                self.assertEqual([error for _, error in created(answer)], [INVALID_TOPIC])
                self.assertEqual(self.metadata([name]), [(name, INVALID_TOPIC, 0)])
                error, _ = wire.produce(self.connection, name, wire.batch([b"x"]))
                self.assertIn(error, (UNKNOWN_TOPIC, INVALID_TOPIC))
        self.assertEqual(self.names_around(), self.before)
        self.assertFalse(os.path.exists("/etc/passwd-0"))

    def test_a_topic_asked_for_twice_is_answered_once(self):
        self.assertEqual(self.metadata(["t", "t", "t"]), [("t", NONE, 2)])
        # What would otherwise be an answer of a gigabyte.
        self.assertEqual(self.metadata(["t"] * 1_000_000), [("t", NONE, 2)])

    def test_a_topic_created_twice_in_one_request_is_not_created(self):
        answer = self.connection.request(wire.API_CREATE_TOPICS, 4,
                                         create_body(["twice", "twice", "once"]))
        results = created(answer)
        self.assertEqual(dict(results), {"twice": INVALID_REQUEST, "once": NONE})
        self.assertFalse(os.path.exists(self.broker.partition_dir("twice", 0)))

    def test_records_for_one_partition_twice_in_one_request(self):
        records = wire.batch([b"twice"])
        one = struct.pack(">ii", 0, len(records)) + records
        body = struct.pack(">hhii", -1, -1, 30_000, 1) + wire.string("t") + struct.pack(">i", 2)
        answer = self.connection.request(wire.API_PRODUCE, 3, body + one * 2)
        self.assertIsNotNone(answer, "closed")
        at = 4 + 2 + 1 + 4
        size = 4 + 2 + 8 + 8
        results = [struct.unpack_from(">ihq", answer, at + size * i) for i in range(2)]
        self.assertEqual([(partition, error) for partition, error, _ in results],
                         [(0, NONE), (0, NONE)])
        self.assertEqual(results[1][2], results[0][2] + 1)

    def test_a_partition_fetched_many_times_over(self):
        one = struct.pack(">iqi", 0, 0, 1 << 20)
        for count in (2, 30_000):
            body = (struct.pack(">iiiibi", -1, 0, 0, 1 << 20, 0, 1) + wire.string("t")
                    + struct.pack(">i", count) + one * count)
            self.assertIsNotNone(self.connection.request(wire.API_FETCH, 4, body))

    def test_empty_and_null_arrays(self):
        requests = [
            (wire.API_METADATA, 1, EMPTY, True), (wire.API_METADATA, 1, NULL, True),
            (wire.API_METADATA, 0, EMPTY, True),
            (wire.API_CREATE_TOPICS, 4, EMPTY + struct.pack(">i?", 1000, False), True),
            (wire.API_PRODUCE, 3, struct.pack(">hhi", -1, 1, 1000) + EMPTY, True),
            (wire.API_PRODUCE, 3,
             struct.pack(">hhii", -1, 1, 1000, 1) + wire.string("t") + EMPTY, True),
            (wire.API_PRODUCE, 3,
             struct.pack(">hhii", -1, 1, 1000, 1) + wire.string("t")
             + struct.pack(">iii", 1, 0, -1), True),
            (wire.API_FETCH, 4, struct.pack(">iiiib", -1, 0, 0, 1 << 20, 0) + EMPTY, True),
            # Arrays that may not be null: Kafka cannot parse them either.
            (wire.API_CREATE_TOPICS, 4, NULL + struct.pack(">i?", 1000, False), False),
            (wire.API_PRODUCE, 3, struct.pack(">hhi", -1, 1, 1000) + NULL, False),
            (wire.API_FETCH, 4, struct.pack(">iiiib", -1, 0, 0, 1 << 20, 0) + NULL, False),
        ]
        for api, version, body, is_answered in requests:
            with self.subTest(api=api, body=body.hex()), Connection(self.broker) as connection:
                answer = connection.request(api, version, body)
                self.assertEqual(answer is not None, is_answered)

    def flexible(self, api, version, body, header_tags=b"\0"):
        """A request with tagged fields in its header; the answer without its header's."""
        self.connection.correlation_id += 1
        header = struct.pack(">hhi", api, version, self.connection.correlation_id)
        frame = header + wire.string("odd") + header_tags + body
        self.connection.send(struct.pack(">i", len(frame)) + frame)
        return self.connection.receive()

    def test_tagged_fields_that_nobody_knows_are_skipped(self):
        tags = (uvarint(3) + uvarint(5) + uvarint(0) + uvarint(77) + uvarint(3) + b"abc"
                + uvarint((1 << 31) - 1) + uvarint(200) + b"z" * 200)
        versions = compact("odd") + compact("1.0")
        for header_tags in (b"\0", tags):
            for body_tags in (b"\0", tags):
                answer = self.flexible(wire.API_VERSIONS, 3, versions + body_tags, header_tags)
                self.assertEqual(struct.unpack_from(">h", answer)[0], NONE)
                topic = b"\0" * 16 + compact("t") + body_tags
                answer = self.flexible(wire.API_METADATA, 12,
                                       uvarint(2) + topic + b"\1\0" + body_tags, header_tags)
                self.assertIn(b"\x02t", answer)


if __name__ == "__main__":
    support.main()

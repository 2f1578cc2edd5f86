"""What no client sends: frames that lie, unknown APIs, broken batches. The broker serves on."""

import struct
import unittest

import support
import wire
from clients import Kcat, Record
from wire import Connection

NONE, CORRUPT_MESSAGE, UNKNOWN_TOPIC, UNSUPPORTED_VERSION, INVALID_RECORD = 0, 2, 3, 35, 87
FRAME_BYTES_MAX = 100 * 1024 * 1024  # socket.request.max.bytes
COUNT_MAX = (1 << 31) - 1
GROWTH_BYTES_MAX = 32 * 1024 * 1024


class MalformedTest(support.BrokerTest):
    def setUp(self):
        super().setUp()
        self.broker = self.start_broker()
        wire.create_topic(self.broker, "t", 1)
        support.wait_until(lambda: self.produce(wire.batch([b"first"])) == (NONE, 0),
                           "the first record")
        self.addCleanup(self.check_healthy)

    def produce(self, records, **options):
        with Connection(self.broker) as connection:
            return wire.produce(connection, "t", records, **options)

    def check_healthy(self):
        """A record goes in and comes out; the refused ones are not there."""
        error, offset = self.produce(wire.batch([b"healthy"]))
        self.assertEqual(error, NONE)
        if support.shutil.which("kcat"):
            got = Kcat.consume(self.broker, "t")
            self.assertEqual([r.value for r in got], [b"first"] + [b"healthy"] * offset)

    def check_closes(self, data):
        with Connection(self.broker) as connection:
            connection.send(data)
            self.assertIsNone(connection.receive())

    def check_request_closes(self, api, version, body):
        with Connection(self.broker) as connection:
            self.assertIsNone(connection.request(api, version, body))

    def test_a_frame_too_large_or_negative(self):
        for size in (FRAME_BYTES_MAX + 1, COUNT_MAX, -1, -(1 << 31)):
            with self.subTest(size=size):
                self.check_closes(struct.pack(">i", size))
                self.check_closes(struct.pack(">i", size) + b"\0" * 64)

    def test_a_frame_too_small_for_its_header(self):
        for size in range(8):
            with self.subTest(size=size):
                self.check_closes(struct.pack(">i", size) + b"\0\x12\0\0\0\0\0\1"[:size])

    def test_other_protocols(self):
        for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"):
            with self.subTest(data=data[:8]):
                self.check_closes(data)

    def test_a_truncated_frame_then_the_end(self):
        for data in (b"\0", b"\0\0\0", struct.pack(">i", 100), struct.pack(">i", 100) + b"\0" * 10,
                     struct.pack(">i", FRAME_BYTES_MAX) + b"\0" * 1000):
            with self.subTest(data=data[:8]), Connection(self.broker) as connection:
                connection.send(data)

    def test_a_frame_in_single_bytes(self):
        with Connection(self.broker) as connection:
            connection.correlation_id = 7
            header = struct.pack(">hhi", wire.API_VERSIONS, 0, 7) + wire.string("slow")
            for byte in struct.pack(">i", len(header)) + header:
                connection.send(bytes([byte]))
            self.assertEqual(connection.receive()[:2], struct.pack(">h", NONE))

    def test_unknown_apis_and_versions(self):
        for api, version in ((999, 0), (-1, 0), (4, 0), (32_767, 3), (wire.API_METADATA, 99),
                             (wire.API_METADATA, -1), (wire.API_FETCH, 99),
                             (wire.API_PRODUCE, 99), (wire.API_CREATE_TOPICS, 99)):
            with self.subTest(api=api, version=version):
                self.check_request_closes(api, version, b"\0" * 32)

    def test_unknown_version_of_api_versions_is_answered(self):
        with Connection(self.broker) as connection:
            # A header with tagged fields, as the newest clients send it.
            answer = connection.request(wire.API_VERSIONS, 99, b"\0\x05name\x041.0\0")
            error, count = struct.unpack(">hi", answer[:6])
            self.assertEqual(error, UNSUPPORTED_VERSION)
            ranges = [struct.unpack_from(">hhh", answer, 6 + 6 * i) for i in range(count)]
            self.assertEqual(len(answer), 6 + 6 * count)
            self.assertIn(wire.API_VERSIONS, [api for api, _, _ in ranges])
            # The connection stays: the client asks again in a version that it was told.
            answer = connection.request(wire.API_VERSIONS, 0, b"")
            self.assertEqual(struct.unpack(">h", answer[:2])[0], NONE)

    def test_a_batch_with_a_wrong_crc(self):
        for crc in (0, 1, 0xFFFFFFFF):
            self.assertEqual(self.produce(wire.batch([b"no"], crc=crc))[0], CORRUPT_MESSAGE)
        damaged = bytearray(wire.batch([b"no", b"never"]))
        damaged[-2] ^= 0x40
        self.assertEqual(self.produce(bytes(damaged))[0], CORRUPT_MESSAGE)

    def test_a_batch_with_a_wrong_magic(self):
        for magic in (0, 1, 3, 127, -1):
            with self.subTest(magic=magic):
                answer = self.produce(wire.batch([b"no"], magic=magic))
                self.assertIsNotNone(answer, "closed")
                self.assertIn(answer[0], (INVALID_RECORD, CORRUPT_MESSAGE))

    def test_a_batch_whose_lengths_lie(self):
        good = wire.batch([b"no", b"never"])
        lies = {
            "cut short": good[:-1], "header only": good[:61], "less than a header": good[:20],
            "length too large": good[:8] + struct.pack(">i", COUNT_MAX) + good[12:],
            "length too small": good[:8] + struct.pack(">i", 10) + good[12:],
            "negative length": good[:8] + struct.pack(">i", -1) + good[12:],
        }
        for name, records in lies.items():
            with self.subTest(name):
                answer = self.produce(records)
                self.assertTrue(answer is None or answer[0] != NONE, f"{name}: {answer}")

    def test_a_record_count_that_lies(self):
        good = wire.batch([b"no", b"never"])
        for count in (0, 1, 3, -1, COUNT_MAX):
            with self.subTest(count=count):
                rest = good[21:57] + struct.pack(">i", count) + good[61:]
                records = good[:17] + struct.pack(">I", wire.crc32c(rest)) + rest
                answer = self.produce(records)
                self.assertTrue(answer is None or answer[0] != NONE, answer)

    @unittest.skipIf(support.AGAINST_KAFKA, "Kafka 4.3.0 advertises them, and closes")
    def test_produce_before_version_3(self):
        wire.create_topic(self.broker, "old", 1)
        for version, magic in ((0, 0), (1, 0), (2, 1)):
            with self.subTest(version=version), Connection(self.broker) as connection:
                good = wire.message_set([b"one", b"two"], magic)
                self.assertEqual(wire.produce(connection, "old", good, version=version),
                                 (NONE, 2 * version))
                for cut in range(1, len(good), 7):
                    if cut == len(good) // 2:
                        continue  # one whole message is a set
                    answer = wire.produce(connection, "old", good[:cut], version=version)
                    self.assertEqual(answer[0], CORRUPT_MESSAGE, f"cut at {cut}")
                for at in range(12, len(good) // 2):
                    flipped = bytearray(good)
                    flipped[at] ^= 0x40
                    answer = wire.produce(connection, "old", bytes(flipped), version=version)
                    self.assertIn(answer[0], (CORRUPT_MESSAGE, INVALID_RECORD), f"flipped {at}")
                self.assertEqual(wire.produce(connection, "old", good)[0], INVALID_RECORD)

    def test_produce_to_no_such_topic(self):
        with Connection(self.broker) as connection:
            error, _ = wire.produce(connection, "no-such", wire.batch([b"x"]))
        self.assertEqual(error, UNKNOWN_TOPIC)

    def test_counts_beyond_the_frame(self):
        bodies = [
            (wire.API_METADATA, 1, struct.pack(">i", COUNT_MAX)),
            (wire.API_METADATA, 9, b"\xff\xff\xff\xff\x07"),
            (wire.API_PRODUCE, 3, struct.pack(">hhii", -1, 1, 1000, COUNT_MAX)),
            (wire.API_PRODUCE, 3, struct.pack(">hhii", -1, 1, 1000, 1) + wire.string("t")
             + struct.pack(">i", COUNT_MAX)),
            (wire.API_PRODUCE, 3, struct.pack(">hhii", -1, 1, 1000, 1) + wire.string("t")
             + struct.pack(">iii", 1, 0, COUNT_MAX)),
            (wire.API_FETCH, 4, struct.pack(">iiiibi", -1, 100, 1, 1 << 20, 0, COUNT_MAX)),
            (wire.API_CREATE_TOPICS, 2, struct.pack(">i", COUNT_MAX)),
        ]
        before = self.broker.resident_bytes()
        for api, version, body in bodies:
            with self.subTest(api=api, body=body.hex()):
                for _ in range(20):
                    self.check_request_closes(api, version, body)
        if not support.AGAINST_KAFKA:
            self.assertLess(self.broker.resident_bytes() - before, GROWTH_BYTES_MAX)

    @unittest.skipIf(support.AGAINST_KAFKA, "a JVM's memory says nothing")
    def test_announced_frames_cost_no_memory(self):
        before = self.broker.resident_bytes()
        connections = [Connection(self.broker) for _ in range(100)]
        for connection in connections:
            self.addCleanup(connection.socket.close)
            connection.send(struct.pack(">i", FRAME_BYTES_MAX) + b"\0" * 100)
        self.check_healthy()
        self.assertLess(self.broker.resident_bytes() - before, GROWTH_BYTES_MAX)


if __name__ == "__main__":
    support.main()

"""Thousands of malformed frames against the real port: each gets an answer or is hung up on, and
the broker serves on."""

import socket
import struct

import malformed_corpus
import support
import wire
from wire import Connection

FRAMES_MIN = 500
GROWTH_BYTES_MAX = 64 << 20
CONNECTIONS = 32
NONE = 0


def version_ranges(broker):
    with Connection(broker) as connection:
        answer = connection.request(wire.API_VERSIONS, 0, b"")
    error, count = struct.unpack_from(">hi", answer)
    assert error == NONE
    entries = [struct.unpack_from(">hhh", answer, 6 + 6 * i) for i in range(count)]
    return {key: (lowest, highest) for key, lowest, highest in entries}


class MalformedCorpusTest(support.BrokerTest):
    def setUp(self):
        super().setUp()
        # What asks for a topic by chance shall not fill the disk with them.
        self.broker = self.start_broker(auto_create_topics_enable="false")
        wire.create_topic(self.broker, "t", 1)

    def finish(self, connection, frame):
        """Reads until the broker hangs up, which it does after its answer: there comes no more."""
        answers = 0
        while True:
            try:
                data = connection.recv(1 << 16)
            except ConnectionError:
                data = b""
            except TimeoutError:
                self.fail(f"neither an answer nor an end: {frame.hex()}")
            if not data:
                return answers > 0
            answers += len(data)

    def test_each_frame_is_answered_or_ends_its_connection(self):
        frames = list(malformed_corpus.corpus(version_ranges(self.broker)))
        self.assertGreaterEqual(len(frames), FRAMES_MIN)
        before = self.broker.resident_bytes()
        answered = 0
        for first in range(0, len(frames), CONNECTIONS):
            batch = []
            for frame in frames[first:first + CONNECTIONS]:
                connection = socket.create_connection(("127.0.0.1", self.broker.port), timeout=30)
                batch.append((connection, frame))
                connection.sendall(frame)
                connection.shutdown(socket.SHUT_WR)
            for connection, frame in batch:
                answered += self.finish(connection, frame)
                connection.close()
            self.assertIsNone(self.broker.process.poll(), self.broker.output()[-3000:])
        print(f"  {len(frames)} frames, {answered} answered, the others hung up on")
        with Connection(self.broker) as connection:
            self.assertEqual(wire.produce(connection, "t", wire.batch([b"x"]))[0], NONE)
        self.assertLess(self.broker.resident_bytes() - before, GROWTH_BYTES_MAX)
        # A flood of faults is no flood of lines.
        self.assertLess(len(self.broker.output().splitlines()), 300)
        self.assertEqual(self.broker.stop(), 0, self.broker.output())


if __name__ == "__main__":
    support.main()

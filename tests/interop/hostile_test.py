"""Clients that mean harm, a thousand times over, beside a client that only wants to work.

The broker has a memory budget of 128 MiB. A healthy client, a process of its own, produces and
fetches all the while; in the end all its records are there, it was served in every phase, and the
broker's resident memory has stayed within the budget.
"""

import os
import resource
import select
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
import urllib.request

import support
import wire
from wire import Connection

MIB = 1 << 20
BUDGET_BYTES = 128 * MIB
CONNECTIONS = 10_000
TOPIC, BIG_TOPIC = "healthy", "big"
NONE = 0
VALUE_BYTES, VALUES = 1000, 10


def values_of(cycle):
    return [b"%d-%d-" % (cycle, number) + b"v" * VALUE_BYTES for number in range(VALUES)]


def fetch_body(topic, offset, max_wait_ms=0, max_bytes=MIB, partitions=1):
    """The body of a Fetch version 4 for partition 0, as often as asked for."""
    one = struct.pack(">iqi", 0, offset, max_bytes)
    return (struct.pack(">iiiibi", -1, max_wait_ms, 1, 50 * MIB, 0, 1) + wire.string(topic)
            + struct.pack(">i", partitions) + one * partitions)


def fetched_records(answer, topic):
    """The bytes of the record batches in a Fetch version 4 answer for one partition."""
    at = 4 + 4 + 2 + len(topic) + 4 + 4
    error, _, _, aborted = struct.unpack_from(">hqqi", answer, at)
    assert error == NONE, f"fetch: error {error}"
    at += 22 + 16 * max(aborted, 0)
    size = struct.unpack_from(">i", answer, at)[0]
    return answer[at + 4:at + 4 + size]


def be_healthy(port):
    """Produces and fetches until standard input ends; prints a line after each cycle."""
    broker = type("Broker", (), {"port": port})
    with Connection(broker) as connection:
        cycle = 0
        while not select.select([sys.stdin], [], [], 0)[0]:
            began = time.monotonic()
            error, offset = wire.produce(connection, TOPIC, wire.batch(values_of(cycle)), acks=-1)
            assert (error, offset) == (NONE, cycle * VALUES), f"produce: {error} at {offset}"
            answer = connection.request(wire.API_FETCH, 4, fetch_body(TOPIC, offset, 500))
            records = fetched_records(answer, TOPIC)
            assert all(value in records for value in values_of(cycle)), "a record is missing"
            cycle += 1
            print(time.monotonic() - began, flush=True)


class HealthyClient:
    def __init__(self, broker):
        self.process = subprocess.Popen(
            [sys.executable, "-B", os.path.abspath(__file__), "healthy", str(broker.port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.seconds = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def _read(self):
        for line in self.process.stdout:
            self.seconds.append(float(line))

    def cycles(self):
        return len(self.seconds)

    def finish(self):
        self.process.stdin.close()
        error = self.process.stderr.read()
        self.reader.join()
        assert self.process.wait() == 0, f"the healthy client failed:\n{error}"


class MemoryWatch:
    """The largest resident size that was seen."""

    def __init__(self, broker):
        self.broker = broker
        self.largest = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.ended.wait(0.02) and self.broker.process.poll() is None:
            self.largest = max(self.largest, self.broker.resident_bytes())

    def finish(self):
        self.ended.set()
        self.thread.join()


def connect_from(port, number):
    """A connection from one of several addresses, for the ports of one would not do."""
    connection = socket.socket()
    connection.bind((f"127.0.0.{2 + number % 8}", 0))
    connection.connect(("127.0.0.1", port))
    connection.setblocking(False)
    return connection


def send_some(connection, data):
    """Sends what the socket takes now; returns how much, None when the broker has closed."""
    try:
        return connection.send(data)
    except BlockingIOError:
        return 0
    except OSError:
        return None


class HostileTest(support.BrokerTest):
    def setUp(self):
        super().setUp()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.connections = min(CONNECTIONS, hard - 4000)
        self.opened = []
        self.addCleanup(self.close_all)

    def close_all(self):
        for connection in self.opened:
            connection.close()
        self.opened = []

    def open(self, number):
        self.opened.append(connect_from(self.broker.port, number))
        return self.opened[-1]

    def start(self, **settings):
        self.metrics_port = support.free_port()
        self.broker = self.start_broker(socket_listen_backlog_size=4096,
                                        metrics_listener=f"127.0.0.1:{self.metrics_port}",
                                        **settings)
        wire.create_topic(self.broker, TOPIC, 1)
        wire.create_topic(self.broker, BIG_TOPIC, 1)
        with Connection(self.broker) as connection:
            for _ in range(8):
                answer = wire.produce(connection, BIG_TOPIC, wire.batch([b"b" * 900_000]))
                self.assertEqual(answer[0], NONE)
        self.watch = MemoryWatch(self.broker)
        self.healthy = HealthyClient(self.broker)
        self.addCleanup(self.healthy.close)
        self.wait_for_cycles(5, "the start")

    def wait_for_cycles(self, count, phase):
        wanted = self.healthy.cycles() + count

        def is_served():
            self.assertIsNone(self.broker.process.poll(),
                              f"{phase}: the broker ended:\n{self.broker.output()[-3000:]}")
            self.assertIsNone(self.healthy.process.poll(), f"{phase}: the healthy client ended")
            return self.healthy.cycles() >= wanted
        support.wait_until(is_served, f"{count} cycles of the healthy client: {phase}", 30)

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        raise AssertionError(f"no {name}")

    def phase(self, name, attack):
        began, cycles = time.monotonic(), self.healthy.cycles()
        attack()
        self.wait_for_cycles(3, name)
        seconds = time.monotonic() - began
        served = self.healthy.cycles() - cycles
        print(f"  {name}: {seconds:.1f} s, healthy client {served / seconds:.0f} cycles/s, "
              f"resident {self.broker.resident_bytes() // MIB} MiB, at most "
              f"{self.watch.largest // MIB} MiB so far, "
              f"counted {self.metric('millrace_memory_used_bytes') / MIB:.0f} MiB, "
              f"{self.metric('millrace_connections'):.0f} connections", flush=True)

    def finish(self, limit_bytes):
        self.healthy.finish()
        self.watch.finish()
        seconds = sorted(self.healthy.seconds)
        print(f"  healthy client: {len(seconds)} cycles of {VALUES} records, median "
              f"{seconds[len(seconds) // 2] * 1000:.1f} ms, longest {seconds[-1] * 1000:.0f} ms; "
              f"broker at most {self.watch.largest // MIB} MiB")
        self.check_records()
        self.assertLess(self.watch.largest, limit_bytes)
        self.close_all()
        self.assertEqual(self.broker.stop(), 0, self.broker.output())

    def connect(self):
        """As clients do that are refused: again until the broker has room."""
        began = time.monotonic()
        while True:
            connection = Connection(self.broker)
            if connection.request(wire.API_VERSIONS, 0, b"") is not None:
                print(f"  a new client: connected after {time.monotonic() - began:.2f} s")
                return connection
            connection.socket.close()
            self.assertLess(time.monotonic(), began + 30, "new clients are refused")

    def check_records(self):
        """Everything that the healthy client produced is there, in order."""
        offset, end = 0, self.healthy.cycles() * VALUES
        with self.connect() as connection:
            while offset < end:
                records = fetched_records(
                    connection.request(wire.API_FETCH, 4, fetch_body(TOPIC, offset)), TOPIC)
                at = 0
                while len(records) - at >= wire.BATCH_HEADER.size:
                    size = struct.unpack_from(">i", records, at + 8)[0] + wire.BATCH_OVERHEAD
                    if at + size > len(records):
                        break
                    base = struct.unpack_from(">q", records, at)[0]
                    self.assertEqual(base, offset)
                    for value in values_of(base // VALUES):
                        self.assertIn(value, records[at:at + size])
                    offset += VALUES
                    at += size

    # Attacks.

    def announce(self, size):
        def attack():
            for number in range(self.connections):
                send_some(self.open(number), struct.pack(">i", size))
        return attack

    def trickle(self):
        """One byte a second, from connections in the middle of a frame."""
        rude = [self.open(number) for number in range(300)]
        for connection in rude:
            send_some(connection, struct.pack(">i", MIB) + b"\0" * 100)
        for _ in range(3):
            for connection in rude:
                send_some(connection, b"\0")
            self.wait_for_cycles(1, "single bytes")
            threading.Event().wait(1)

    def half_frames(self):
        half = struct.pack(">i", 2 * MIB) + b"\0" * MIB
        for number in range(1000):
            connection, sent = self.open(number), 0
            while sent is not None and sent < len(half):
                more = send_some(connection, half[sent:])
                if not more:
                    break
                sent += more

    def pipeline(self):
        """A thousand requests at once, all refused, on each of a hundred connections."""
        header = struct.pack(">hhi", wire.API_FETCH, 4, 1) + wire.string("rude")
        bodies = [fetch_body(TOPIC, 1 << 40), fetch_body("no-such", 0)]
        frames = b"".join(struct.pack(">i", len(header) + len(body)) + header + body
                          for body in bodies) * 500
        for number in range(100):
            send_some(self.open(number), frames)

    def wait_at_the_end(self):
        """Fetches that wait for ever, for records that never come."""
        header = struct.pack(">hhi", wire.API_FETCH, 4, 1) + wire.string("rude")
        body = fetch_body(BIG_TOPIC, 8, (1 << 31) - 1)
        frame = struct.pack(">i", len(header) + len(body)) + header + body
        for number in range(100):
            send_some(self.open(number), frame * 1000)

    def never_read(self):
        header = struct.pack(">hhi", wire.API_FETCH, 4, 1) + wire.string("rude")
        for topic in (TOPIC, BIG_TOPIC):
            body = fetch_body(topic, 0, 0, 15_000 if topic == TOPIC else MIB)
            frame = struct.pack(">i", len(header) + len(body)) + header + body
            for number in range(200):
                connection = self.open(number)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                send_some(connection, frame * 1000)

    def bomb(self):
        """A zstd frame of a megabyte that stands for 32 GiB: blocks of 128 KiB of one byte each."""
        block, last = (struct.pack("<I", (128 << 10) << 3 | 1 << 1 | end)[:3] + b"z"
                       for end in (0, 1))
        payload = b"\x28\xb5\x2f\xfd\x00\x38" + block * 250_000 + last
        rest = struct.pack(">hiqqqhii", 4, 9, 0, 0, -1, -1, -1, 10) + payload
        batch = struct.pack(">qiibI", 0, len(rest) + 9, -1, 2, wire.crc32c(rest)) + rest
        self.bombs(batch)

    def bombs(self, batch):
        for topic in self.bomb_topics:
            with self.connect() as connection:
                answer = wire.produce(connection, topic, batch, version=7)
                print(f"    bomb into {topic}: {answer}")

    def make_bomb_topics(self):
        self.bomb_topics = ["bombs"]
        wire.create_topic(self.broker, "bombs", 1)
        for name, configs in (("recompressed", {"compression_type": "gzip"}),
                              ("compacted", {"cleanup_policy": "compact"}),
                              ("validated", {"record_validation": "full"})):
            try:
                wire.create_topic(self.broker, name, 1, **configs)
                self.bomb_topics.append(name)
            except AssertionError as refused:
                print(f"    SKIPPED: a bomb into a topic with {configs}: {refused}")

    def test_a_small_budget(self):
        self.start(memory_budget_bytes=BUDGET_BYTES)
        self.make_bomb_topics()
        self.phase(f"{self.connections} connections announce 20 MB", self.announce(20 * MIB))
        self.phase("300 send a byte a second", self.trickle)
        self.phase("1,000 half frames of 1 MB", self.half_frames)
        self.phase("100 x 1,000 fetches at once", self.pipeline)
        self.phase("100 x 1,000 fetches that wait for ever", self.wait_at_the_end)
        self.phase("400 never read", self.never_read)
        self.phase("decompression bombs", self.bomb)
        self.finish(BUDGET_BYTES)

    def test_the_default_budget(self):
        self.start()
        self.phase(f"{self.connections} connections announce 90 MB", self.announce(90 * MIB))
        self.phase("300 send a byte a second", self.trickle)
        # None of them has sent more than a few bytes, so next to nothing is used.
        self.finish(BUDGET_BYTES)


if __name__ == "__main__":
    if sys.argv[1:2] == ["healthy"]:
        be_healthy(int(sys.argv[2]))
    else:
        support.main()

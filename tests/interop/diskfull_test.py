"""A full disk: producers wait and lose nothing, everybody else goes on, writing resumes by itself.

The data directory lies on a small tmpfs, so this needs root.
"""

import errno
import os
import struct
import subprocess
import unittest
import urllib.request

import support
import wire
from clients import Confluent, Java, Stream

DISK_BYTES = 96 << 20
RESERVED_BYTES = 8 << 20
PARTITIONS = 2
KAFKA_STORAGE_ERROR = 56
FULL, ROOM = "the disk is full", "the disk has room again"


class DiskFullTest(support.BrokerTest):
    def setUp(self):
        super().setUp()
        support.require_confluent()
        self.disk = self.path("disk")
        os.makedirs(self.disk)
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", self.disk]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise unittest.SkipTest(f"no tmpfs here: {error}") from error
        if done.returncode != 0:
            raise unittest.SkipTest(f"no tmpfs here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], check=False)

    def start(self, reserved=RESERVED_BYTES):
        self.metrics_port = support.free_port()
        broker = support.Broker(self.folder, {
            "log.dir.reserved.bytes": reserved,
            "metrics.listener": f"127.0.0.1:{self.metrics_port}"})
        broker.data_dir = os.path.join(self.disk, "data")
        self.addCleanup(broker.close)
        return broker.start()

    def fill(self, left):
        """A file of somebody else's takes all of the disk but `left` bytes."""
        size = 0
        with open(os.path.join(self.disk, "filler"), "wb") as file:
            while True:
                found = os.statvfs(self.disk)
                more = found.f_bavail * found.f_frsize - left
                if more <= 0:
                    return
                try:
                    os.posix_fallocate(file.fileno(), size, more)
                    size += more
                except OSError as error:  # The broker took some meanwhile.
                    self.assertEqual(error.errno, errno.ENOSPC)

    def free(self):
        os.remove(os.path.join(self.disk, "filler"))

    def stream(self, start, broker, topic):
        wire.create_topic(broker, topic, PARTITIONS, segment_bytes=1 << 20)
        stream = start(broker, topic, PARTITIONS)
        self.addCleanup(stream.close)
        stream.wait_acked(1)
        return stream

    def wait_logged(self, broker, text, count=1):
        support.wait_until(lambda: broker.output().count(text) >= count, text)

    def metric(self, name):
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=60) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        raise AssertionError(f"no {name}")

    @staticmethod
    def produce_once(broker, topic):
        """The error of one batch, and what the answer says about it."""
        records = wire.batch([b"refused"])
        body = struct.pack(">hhii", -1, -1, 30_000, 1) + wire.string(topic)
        body += struct.pack(">iii", 1, 0, len(records)) + records
        with wire.Connection(broker) as connection:
            answer = connection.request(wire.API_PRODUCE, 8, body)
        at = 4 + 2 + len(topic.encode()) + 4 + 4
        error = struct.unpack(">h", answer[at:at + 2])[0]
        return error, answer[at:]

    def check(self, broker, topic, stream, records):
        self.assertEqual(stream.failed, [])
        self.assertEqual(len(stream.acked), stream.produced)
        for partition in range(PARTITIONS):
            sent = sorted(s for p, s in stream.acked if p == partition)
            found = [int(r.value.split(b":")[1]) for r in records if r.partition == partition]
            self.assertEqual(found, sent, f"{topic}-{partition} of {broker.address}")

    def check_what_goes_on(self, broker, topic):
        """Reading, committing, creating and deleting topics, while there is no room for records."""
        import confluent_kafka
        self.assertGreater(len(Confluent.consume(broker, topic)), 0)
        committer = confluent_kafka.Consumer({
            "bootstrap.servers": broker.address, "group.id": "g", "enable.auto.commit": False,
            "log_level": 2})
        self.addCleanup(committer.close)
        place = confluent_kafka.TopicPartition(topic, 0, 1)
        committer.commit(offsets=[place], asynchronous=False)
        self.assertEqual(committer.committed([place], 60)[0].offset, 1)
        wire.create_topic(broker, "made-while-full", 3)
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": broker.address})
        admin.delete_topics(["made-while-full"])["made-while-full"].result(60)
        wire.create_topic(broker, "made-while-full", 1)

    def goes_through(self, start, consume, reserved, left):
        broker = self.start(reserved)
        stream = self.stream(start, broker, "stream")
        self.fill(left)
        self.wait_logged(broker, FULL)
        error, answer = self.produce_once(broker, "stream")
        self.assertEqual(error, KAFKA_STORAGE_ERROR)
        self.assertIn(b"the broker's disk is full", answer)
        self.assertEqual(self.metric("millrace_disk_full"), 1)
        self.assertGreater(self.metric("millrace_disk_full_refusals_total"), 0)
        if reserved:
            self.check_what_goes_on(broker, "stream")
        self.free()
        self.wait_logged(broker, ROOM)
        stream.wait_acked(len(stream.acked) + 1000)
        # And a second time.
        self.fill(left)
        self.wait_logged(broker, FULL, 2)
        self.free()
        stream.wait_acked(len(stream.acked) + 1000)
        stream.finish()
        self.check(broker, "stream", stream, consume(broker, "stream"))
        if reserved:
            self.assertEqual(self.produce_once(broker, "made-while-full")[0], 0)
        self.assertNotIn("offline", broker.output())
        self.assertEqual(broker.stop(), 0)

    def test_librdkafka_waits_for_room(self):
        self.goes_through(Stream.confluent, Confluent.consume, RESERVED_BYTES, RESERVED_BYTES // 2)

    def test_java_with_defaults_waits_for_room(self):
        support.require_java()
        self.goes_through(Stream.java, Java.consume, RESERVED_BYTES, RESERVED_BYTES // 2)

    def test_without_a_reserve_nothing_is_lost_either(self):
        self.goes_through(Stream.confluent, Confluent.consume, 0, 0)

    def test_retention_makes_room(self):
        import confluent_kafka
        broker = self.start()
        stream = self.stream(Stream.confluent, broker, "old")
        self.fill(RESERVED_BYTES + (8 << 20))
        self.wait_logged(broker, FULL)
        resource = confluent_kafka.admin.ConfigResource("topic", "old", set_config={
            "segment.bytes": str(1 << 20), "retention.bytes": str(1 << 20)})
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": broker.address})
        admin.alter_configs([resource])[resource].result(60)
        self.wait_logged(broker, ROOM)
        stream.wait_acked(len(stream.acked) + 1000)
        stream.finish()
        self.assertEqual(stream.failed, [])
        self.assertNotIn("offline", broker.output())

    def test_a_broker_starts_on_a_full_disk(self):
        broker = self.start()
        stream = self.stream(Stream.confluent, broker, "stream")
        self.fill(0)
        self.wait_logged(broker, FULL)
        broker.kill9()
        broker.start()
        self.wait_logged(broker, FULL)
        self.assertGreater(len(Confluent.consume(broker, "stream")), 0)
        self.free()
        stream.wait_acked(len(stream.acked) + 1000)
        stream.finish()
        self.check(broker, "stream", stream, Confluent.consume(broker, "stream"))


if __name__ == "__main__":
    support.main()

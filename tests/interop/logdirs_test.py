"""Several log directories: one fails, or is missing at a start, and the others go on.

The second directory lies on power_disk.py's disk, so this needs root and a loop device.
"""

import itertools
import json
import os
import struct
import subprocess
import unittest
import urllib.request

import power_disk
import support
import wire
from clients import COMMAND_SECONDS_MAX, run

PARTITIONS = 6
NONE, KAFKA_STORAGE_ERROR = 0, 56
RECORDS = 50
GIVE_UP_MS = 4000


class LogDirsTest(support.BrokerTest):
    def setUp(self):
        super().setUp()
        support.require_confluent()
        self.disk = power_disk.PowerDisk(self.folder)
        self.addCleanup(self.disk.close)
        self.first = self.path("data")
        self.second = os.path.join(self.disk.path, "data")
        self.metrics_port = support.free_port()
        self.broker = support.Broker(self.folder, {
            "metrics.listener": f"127.0.0.1:{self.metrics_port}"})
        self.broker.data_dir = f"{self.first},{self.second}"
        self.addCleanup(self.broker.close)
        self.acked = {}  # by topic and partition: the values, in order
        self.numbers = itertools.count()

    def produce(self, topic, count=RECORDS):
        """Sends records to every partition; returns those partitions that took none of them."""
        import confluent_kafka
        producer = confluent_kafka.Producer({
            "bootstrap.servers": self.broker.address, "message.timeout.ms": GIVE_UP_MS,
            "max.in.flight": 1, "log_level": 2})
        taken = set()

        def report(error, message):
            if error is None:
                taken.add(message.partition())
                self.acked.setdefault((topic, message.partition()), []).append(message.value())

        for _ in range(count):
            for partition in range(PARTITIONS):
                producer.produce(topic, b"%d" % next(self.numbers), partition=partition,
                                 on_delivery=report)
        self.assertEqual(producer.flush(COMMAND_SECONDS_MAX), 0)
        return set(range(PARTITIONS)) - taken

    def produce_error(self, topic, partition):
        records = wire.batch([b"refused"])
        body = struct.pack(">hhii", -1, -1, 30_000, 1) + wire.string(topic)
        body += struct.pack(">iii", 1, partition, len(records)) + records
        with wire.Connection(self.broker) as connection:
            answer = connection.request(wire.API_PRODUCE, 3, body)
        at = 4 + 2 + len(topic.encode()) + 4 + 4
        return struct.unpack(">h", answer[at:at + 2])[0]

    def read(self, topic, partitions):
        """By partition."""
        import confluent_kafka
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.broker.address, "group.id": "unused", "log_level": 2,
            "enable.auto.commit": False, "enable.partition.eof": True})
        consumer.assign([confluent_kafka.TopicPartition(topic, p, 0) for p in partitions])
        values, ended = {p: [] for p in partitions}, set()
        try:
            while len(ended) < len(values):
                message = consumer.poll(60)
                self.assertIsNotNone(message)
                if message.error() is None:
                    values[message.partition()].append(message.value())
                else:
                    self.assertEqual(message.error().code(),
                                     confluent_kafka.KafkaError._PARTITION_EOF)
                    ended.add(message.partition())
        finally:
            consumer.close()
        return values

    def check_whole(self, topic, partitions=range(PARTITIONS)):
        """Everything that was acknowledged is there, in order."""
        for partition, values in self.read(topic, partitions).items():
            acked = set(self.acked[topic, partition])
            kept = [value for value in dict.fromkeys(values) if value in acked]
            self.assertEqual(kept, self.acked[topic, partition], f"{topic}-{partition}")

    def in_second(self, topic):
        return {p for p in range(PARTITIONS)
                if os.path.isdir(os.path.join(self.second, f"{topic}-{p}"))}

    def metrics(self):
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.read().decode().splitlines()

    def log_dirs_tool(self):
        """What kafka-log-dirs says: directories by their paths; none where there is no Java."""
        try:
            support.require_java()
        except unittest.SkipTest as reason:
            print(f"without kafka-log-dirs: {reason}")
            return None
        done = run(["java", "-Xmx256m", "-cp", support.JAVA_CLASS_PATH,
                    "org.apache.kafka.tools.LogDirsCommand",
                    "--bootstrap-server", self.broker.address, "--describe"])
        described = json.loads(done.stdout.decode().splitlines()[-1])
        return {entry["logDir"]: entry for entry in described["brokers"][0]["logDirs"]}

    def check_described(self, is_second_online):
        offline = int(not is_second_online)
        metrics = self.metrics()
        self.assertIn(f"millrace_log_directories_offline {offline}", metrics)
        self.assertIn(f'millrace_disk_full{{log_dir="{self.first}"}} 0', metrics)
        described = self.log_dirs_tool()
        if described is None:
            return
        self.assertEqual(set(described), {self.first, self.second})
        self.assertIsNone(described[self.first]["error"])
        self.assertEqual(described[self.second]["error"] is None, is_second_online)
        self.assertEqual(bool(described[self.second]["partitions"]), is_second_online)

    def check_half(self, topic, lost):
        """The partitions of the second directory are refused, the others taken."""
        self.assertEqual(self.produce(topic), lost)
        for partition in range(PARTITIONS):
            expected = KAFKA_STORAGE_ERROR if partition in lost else NONE
            self.assertEqual(self.produce_error(topic, partition), expected)
        self.check_whole(topic, set(range(PARTITIONS)) - lost)

    def test_a_directory_fails_and_comes_back(self):
        self.broker.start()
        wire.create_topic(self.broker, "t", PARTITIONS)
        self.assertEqual(self.produce("t"), set())
        lost = self.in_second("t")
        self.assertEqual(len(lost), PARTITIONS // 2)
        self.check_described(is_second_online=True)
        self.disk.cut()
        self.check_half("t", lost)
        self.assertEqual(self.broker.output().count(f"{self.second}: the log directory has"), 1)
        self.check_described(is_second_online=False)
        wire.create_topic(self.broker, "new", PARTITIONS)
        self.assertEqual(self.produce("new"), set())
        self.assertEqual(self.broker.stop(), 0)
        self.disk.restore()
        self.broker.start()
        self.check_whole("t")
        self.check_whole("new")
        self.assertEqual(self.produce("t"), set())
        self.check_whole("t")
        self.check_described(is_second_online=True)
        self.assertEqual(self.broker.stop(), 0)

    def test_a_start_without_a_directory(self):
        self.broker.start()
        wire.create_topic(self.broker, "t", PARTITIONS)
        wire.create_topic(self.broker, "empty", PARTITIONS)
        self.assertEqual(self.produce("t"), set())
        lost = self.in_second("t")
        self.assertEqual(self.broker.stop(), 0)
        subprocess.run(["mount", "-o", "remount,ro", self.disk.path], check=True)
        self.broker.start()
        self.assertIn(f"{self.second}: the log directory is offline", self.broker.output())
        self.check_half("t", lost)
        self.assertEqual(len(self.produce("empty")), PARTITIONS // 2)
        self.check_described(is_second_online=False)
        self.assertEqual(self.broker.stop(), 0)
        subprocess.run(["mount", "-o", "remount,rw", self.disk.path], check=True)
        self.broker.start()
        self.assertEqual(self.produce("t"), set())
        self.check_whole("t")
        self.assertEqual(self.produce("empty"), set())
        self.check_whole("empty")
        self.assertEqual(self.broker.stop(), 0)


if __name__ == "__main__":
    support.main()

"""The three clients behind one shape: produce a list of records, consume a topic to its end.

Each class has `produce(broker, topic, records, settings)` and `consume(broker, topic)`. Records go
in with partition, timestamp (None: now), key, value and headers, and come out with their offset.
"""

import base64
import collections
import itertools
import json
import os
import subprocess
import sys
import threading

from support import HERE, JAVA_CLASS_PATH

COMMAND_SECONDS_MAX = 300
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

Record = collections.namedtuple(
    "Record", "partition offset timestamp key value headers",
    defaults=(None, None, None, None, ()))


def run(command, stdin=b"", check=True):
    """Runs a command to its end; returns the finished process, with bytes of stdout and stderr."""
    done = subprocess.run(command, input=stdin, capture_output=True, check=False,
                          timeout=COMMAND_SECONDS_MAX)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n"
                             f"{done.stderr.decode(errors='replace')[-4000:]}")
    return done


def settings_of(prefix, settings):
    return itertools.chain.from_iterable(
        (prefix, f"{name}={value}") for name, value in (settings or {}).items())


class Kcat:
    """Debian's kcat. Takes text only, one set of headers per run, and no timestamps."""

    name = "kcat"
    takes_timestamps = False

    @staticmethod
    def command(broker, *arguments):
        return ["kcat", "-b", broker.address, "-m", "60", *arguments]

    @classmethod
    def produce(cls, broker, topic, records, settings=None):
        def group(record):
            return (record.partition, record.headers)

        for (partition, headers), group_records in itertools.groupby(records, key=group):
            lines = b"".join(r.key + b"\t" + r.value + b"\n" for r in group_records)
            options = [b"-H%s=%s" % (name.encode(), value) for name, value in headers]
            run(cls.command(broker, "-P", "-t", topic, "-p", str(partition), "-K", "\t",
                            *(o.decode() for o in options), *settings_of("-X", settings)), lines)

    @classmethod
    def consume(cls, broker, topic, partition=None, start="beginning", count=None):
        end = ["-e"] if count is None else ["-c", str(count)]
        choice = [] if partition is None else ["-p", str(partition)]
        done = run(cls.command(broker, "-C", "-q", "-J", "-t", topic, *choice, "-o", str(start),
                               *end))
        return [cls.parse(line) for line in done.stdout.splitlines()]

    @staticmethod
    def parse(line):
        record = json.loads(line)
        flat = record.get("headers", [])
        headers = tuple((name, value.encode()) for name, value in zip(flat[::2], flat[1::2]))
        key, value = record["key"], record["payload"]
        return Record(record["partition"], record["offset"], record["ts"],
                      None if key is None else key.encode(),
                      None if value is None else value.encode(), headers)


class Confluent:
    """The newest confluent-kafka (librdkafka) from PyPI."""

    name = "confluent"
    takes_timestamps = True

    @staticmethod
    def produce(broker, topic, records, settings=None):
        import confluent_kafka
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.address,
                                             **(settings or {})})
        failures, delivered = [], []

        def report(error, message):
            failures.append(error) if error else delivered.append(
                (message.partition(), message.offset()))

        for record in records:
            options = {} if record.timestamp is None else {"timestamp": record.timestamp}
            producer.produce(topic, record.value, record.key, record.partition,
                             on_delivery=report, headers=list(record.headers), **options)
            producer.poll(0)
        left = producer.flush(COMMAND_SECONDS_MAX)
        if failures or left:
            raise AssertionError(f"{left} records undelivered, {len(failures)} failed: "
                                 f"{failures[:3]}")
        return delivered

    @staticmethod
    def open(broker, topic, offset=0, settings=None):
        """A consumer with all partitions of a topic assigned from an offset on."""
        import confluent_kafka
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": broker.address, "group.id": "unused",
            "enable.auto.commit": False, "enable.partition.eof": True, **(settings or {})})
        partitions = consumer.list_topics(topic, 60).topics[topic].partitions
        assigned = [confluent_kafka.TopicPartition(topic, p, offset) for p in sorted(partitions)]
        consumer.assign(assigned)
        return consumer, assigned

    @classmethod
    def consume(cls, broker, topic, settings=None):
        import confluent_kafka
        consumer, assigned = cls.open(broker, topic, settings=settings)
        records, ended = [], set()
        try:
            while len(ended) < len(assigned):
                message = consumer.poll(60)
                if message is None:
                    raise AssertionError("no message and no end of partition in 60 s")
                if message.error() is None:
                    records.append(Record(message.partition(), message.offset(),
                                          message.timestamp()[1], message.key(), message.value(),
                                          tuple(message.headers() or ())))
                elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    ended.add(message.partition())
                else:
                    raise AssertionError(str(message.error()))
        finally:
            consumer.close()
        return records


class Java:
    """Kafka's own client for Java, by way of java/Interop.java, with its default settings."""

    name = "java"
    takes_timestamps = True

    @staticmethod
    def command(name, broker, topic, *arguments):
        return ["java", "-Xmx512m", "-cp", JAVA_CLASS_PATH, "Interop", name, broker.address, topic,
                *arguments]

    @staticmethod
    def encode(data):
        return "-" if data is None else base64.b64encode(data).decode()

    @staticmethod
    def decode(field):
        return None if field == "-" else base64.b64decode(field)

    @classmethod
    def produce(cls, broker, topic, records, settings=None):
        lines = []
        for record in records:
            headers = ",".join(f"{cls.encode(n.encode())}:{cls.encode(v)}"
                               for n, v in record.headers)
            stamp = "-" if record.timestamp is None else str(record.timestamp)
            lines.append("\t".join([str(record.partition), stamp, cls.encode(record.key),
                                    cls.encode(record.value), headers]) + "\n")
        properties = [f"{name}={value}" for name, value in (settings or {}).items()]
        done = run(cls.command("produce", broker, topic, *properties), "".join(lines).encode())
        return [tuple(map(int, line.split())) for line in done.stdout.decode().splitlines()]

    @classmethod
    def consume(cls, broker, topic):
        records = []
        for line in run(cls.command("consume", broker, topic)).stdout.decode().splitlines():
            partition, offset, timestamp, key, value, headers = line.split("\t")
            pairs = (header.split(":") for header in headers.split(",") if header)
            records.append(Record(
                int(partition), int(offset), int(timestamp), cls.decode(key), cls.decode(value),
                tuple((cls.decode(n).decode(), cls.decode(v)) for n, v in pairs)))
        return records


class Stream:
    """A producer in a process of its own that runs until `finish`, and reports each record."""

    def __init__(self, command):
        self.acked = []     # (partition, sequence) in the order of acknowledgements
        self.failed = []
        self.produced = None
        self._changed = threading.Condition()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def confluent(cls, broker, topic, partitions):
        return cls([sys.executable, "-B", os.path.join(HERE, "confluent_stream.py"),
                    broker.address, topic, str(partitions)])

    @classmethod
    def java(cls, broker, topic, partitions):
        return cls(Java.command("stream", broker, topic, str(partitions)))

    def _read(self):
        for line in self.process.stdout:
            word, *rest = line.split(maxsplit=3)
            with self._changed:
                if word == "acked":
                    self.acked.append((int(rest[0]), int(rest[1])))
                elif word == "produced":
                    self.produced = int(rest[0])
                else:
                    self.failed.append(line.strip())
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_acked(self, count, seconds=120):
        """Waits until `count` records in all are acknowledged."""
        with self._changed:
            reached = self._changed.wait_for(
                lambda: len(self.acked) >= count or self.failed or self.process.poll() is not None,
                seconds)
            if not reached or len(self.acked) < count:
                raise AssertionError(f"{len(self.acked)} of {count} acknowledged, "
                                     f"failed: {self.failed[:3]}")

    def finish(self):
        """Ends the producer after everything it sent was answered."""
        self.process.stdin.write("stop\n")
        self.process.stdin.close()
        code = self.process.wait(COMMAND_SECONDS_MAX)
        self._reader.join(COMMAND_SECONDS_MAX)
        self.process.stdout.close()
        if code != 0 or self.produced is None:
            raise AssertionError(f"the producer ended with {code}; failed: {self.failed[:3]}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

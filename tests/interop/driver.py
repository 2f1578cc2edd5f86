"""Clients as processes of their own: a driver per client, all with one set of commands.

`CLIENTS` says how each driver starts and what its client can do. README.md describes the lines
that go back and forth.
"""

import collections
import os
import subprocess
import threading
import unittest

import support
from clients import Java, Record
from support import GO_DIR, HERE, JAVA39_DIR, JAVA_DIR, JS_DIR, PYTHON_CLIENTS_DIR, VENV_DIR

COMMAND_SECONDS_MAX = 60
OUTPUT_CHARACTERS_MAX, WORDS_CHARACTERS_MAX = 2000, 200
EVERY_CODEC = ("none", "gzip", "snappy", "lz4", "zstd")
DRIVERS = os.path.join(HERE, "drivers")

# What a client may be able to do. Where a feature is missing the client has no such function, or
# the protocol versions that it is held to have none.
HEADERS, NULL_HEADERS, TIMESTAMPS, TIMES, GROUP, TOPICS, PARTITIONS = (
    "headers", "headers without a value", "timestamps", "offsets by time", "group", "topics",
    "partitions")
CONFIGS, ALTER, ALTER_ONE, DELETE_RECORDS, GROUPS = (
    "configs", "alter", "alter one", "delete records", "groups")
EVERYTHING = frozenset([HEADERS, NULL_HEADERS, TIMESTAMPS, TIMES, GROUP, TOPICS, PARTITIONS,
                        CONFIGS, ALTER, ALTER_ONE, DELETE_RECORDS, GROUPS])

OFFSET_OUT_OF_RANGE = 1
AUTO_OFFSET_RESET = -140  # librdkafka's own number for an offset out of range without a reset.

# `folder`: where setup.py has put the client; None: Debian's package, which is asked by "hello".
# `out_of_range`: what the client reports when it fetches beyond the end without a reset.
# `cannot_send`: pairs of key and value that the client itself does not take.
Client = collections.namedtuple(
    "Client", "command folder codecs features out_of_range cannot_send",
    defaults=(EVERY_CODEC, EVERYTHING, OFFSET_OUT_OF_RANGE, ()))


def python_client(folder, name, *options, **facts):
    python = "/usr/bin/python3" if folder is None else os.path.join(folder, "bin", "python")
    command = (python, "-B", os.path.join(DRIVERS, f"{name}_driver.py"), "BOOTSTRAP", *options)
    return Client(command, folder, **facts)


def java_client(folder, program="Driver"):
    """Kafka's own client; version 4 has no AlterConfigs, and the driver is the same for both."""
    path = os.path.join(folder, "classes") + ":" + os.path.join(folder, "libs", "*")
    command = ("java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", path,
               program, "BOOTSTRAP")
    return Client(command, folder, features=EVERYTHING - {ALTER})


def go_client(program, *options, **facts):
    return Client((os.path.join(GO_DIR, "bin", program), "BOOTSTRAP", *options), GO_DIR, **facts)


# These refuse to send a record that has neither a key nor a value.
NOTHING = [(None, None)]

CLIENTS = {
    "confluent": python_client(VENV_DIR, "confluent", out_of_range=AUTO_OFFSET_RESET),
    "debian-confluent": python_client(
        None, "confluent", out_of_range=AUTO_OFFSET_RESET,
        features=EVERYTHING - {ALTER_ONE, DELETE_RECORDS, GROUPS}),
    "kafka-python": python_client(PYTHON_CLIENTS_DIR, "kafka_python", cannot_send=NOTHING,
                                  features=EVERYTHING - {NULL_HEADERS}),
    "debian-kafka-python": python_client(
        None, "kafka_python", cannot_send=NOTHING,
        features=EVERYTHING - {NULL_HEADERS, ALTER_ONE, DELETE_RECORDS}),
    # Held to the protocol of Kafka 0.10: message sets of magic 1, and no ApiVersions.
    "debian-kafka-python-0.10": python_client(
        None, "kafka_python", "0.10", cannot_send=NOTHING, codecs=EVERY_CODEC[:4],
        features=frozenset([TIMESTAMPS, GROUP])),
    "aiokafka": python_client(PYTHON_CLIENTS_DIR, "aiokafka", cannot_send=NOTHING,
                              features=EVERYTHING - {ALTER_ONE}),
    # It resets an offset that is out of range by itself, always.
    "kafkajs": Client(("node", os.path.join(JS_DIR, "kafkajs_driver.js"), "BOOTSTRAP"), JS_DIR,
                      out_of_range=None,
                      features=EVERYTHING - {NULL_HEADERS, ALTER_ONE}),
    "franz-go": go_client("franz"),
    "sarama-newest": go_client("sarama", "newest"),
    # The protocol of Kafka 0.8.2: message sets of magic 0, and every request in version 0.
    "sarama-oldest": go_client("sarama", "oldest", codecs=("none", "gzip", "snappy"),
                               features=frozenset()),
    "java-3.9": java_client(JAVA39_DIR),
    "java-4.3": java_client(JAVA_DIR),
    # Not a client with the usual commands: tools_test.py runs Kafka's tools by it.
    "kafka-tools": java_client(JAVA_DIR, "Tools"),
}

# Kafka 4 no longer speaks the protocol of these.
TOO_OLD_FOR_KAFKA = ("debian-kafka-python-0.10", "sarama-oldest")


class ClientError(Exception):
    """What the client reported; `code` is Kafka's number, or -1."""

    def __init__(self, name, fields):
        super().__init__(f"{name}: {' '.join(fields)}")
        self.code = int(fields[0])


class NoAnswer(AssertionError):
    """The driver was silent for too long, or ended."""


class Driver:
    """A running client of one broker. One that gave no answer is started again."""

    def __init__(self, name, broker, output_path):
        self.name = name
        self.output_path = output_path
        self.command = [broker.address if word == "BOOTSTRAP" else word
                        for word in CLIENTS[name].command]
        self.process = None

    def close(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.communicate()
        self.process = None

    def call(self, command, records=(), **arguments):
        """Runs a command; returns its answer's lines, each a list of fields."""
        words = [command, *(f"{name}={value}" for name, value in arguments.items())]
        if command == "produce":
            words.append(f"records={len(records)}")
        asked = "\t".join(words) + "\n" + "".join(map(record_line, records))
        if self.process is None:
            with open(self.output_path, "wb") as output:
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output,
                    text=True, encoding="utf-8")
        late = threading.Timer(COMMAND_SECONDS_MAX, self.process.kill)
        late.start()
        try:
            return self._exchange(words, asked)
        finally:
            late.cancel()

    def _exchange(self, words, asked):
        try:
            self.process.stdin.write(asked)
            self.process.stdin.flush()
        except BrokenPipeError:
            self._fail(words)
        answer = []
        for line in self.process.stdout:
            kind, *fields = line.rstrip("\n").split("\t")
            if kind == "ok":
                return answer
            if kind == "error":
                raise ClientError(self.name, fields)
            answer.append(fields)
        self._fail(words)

    def _fail(self, words):
        self.close()
        with open(self.output_path, encoding="utf-8", errors="replace") as file:
            text = file.read()[-OUTPUT_CHARACTERS_MAX:]
        raise NoAnswer(f"{self.name}: no answer to {' '.join(words)[:WORDS_CHARACTERS_MAX]} in "
                       f"{COMMAND_SECONDS_MAX} s, or the driver ended:\n{text}")

    def value(self, command, **arguments):
        """The one value that a command answers; None for "-"."""
        [[field]] = self.call(command, **arguments)
        return None if field == "-" else int(field)

    def produce(self, topic, records, codec="none", **settings):
        placed = self.call("produce", records, topic=topic, codec=codec, **settings)
        return [(int(partition), int(offset)) for partition, offset in placed]

    def records(self, command, **arguments):
        return [parse_record(fields) for fields in self.call(command, **arguments)]


def record_line(record):
    headers = ",".join(f"{Java.encode(n.encode())}:{Java.encode(v)}" for n, v in record.headers)
    timestamp = "-" if record.timestamp is None else str(record.timestamp)
    return "\t".join([str(record.partition), timestamp, Java.encode(record.key),
                      Java.encode(record.value), headers]) + "\n"


def parse_record(fields):
    partition, offset, timestamp, key, value, headers = fields
    pairs = (header.split(":") for header in headers.split(",") if header)
    return Record(int(partition), int(offset), int(timestamp) if timestamp != "-" else None,
                  Java.decode(key), Java.decode(value),
                  tuple((Java.decode(n).decode(), Java.decode(v)) for n, v in pairs))


def require_client(name):
    """Skips the calling test where the client is not there."""
    client = CLIENTS[name]
    if support.AGAINST_KAFKA and name in TOO_OLD_FOR_KAFKA:
        raise unittest.SkipTest(f"{name} is too old for Kafka 4")
    if client.folder is not None:
        if not os.path.exists(os.path.join(client.folder, "stamp")):
            raise unittest.SkipTest(f"{name} is not available (see interop_setup)")
        return
    try:
        done = subprocess.run(client.command, input="hello\n", capture_output=True, text=True,
                              timeout=COMMAND_SECONDS_MAX, check=False)
    except OSError as error:
        raise unittest.SkipTest(f"{name} is not available: {error}") from error
    if "\nok" not in done.stdout:
        reason = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise unittest.SkipTest(f"{name} is not available: {reason}")

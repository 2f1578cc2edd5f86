"""What any client writes every other one reads: the same keys, values, headers and times."""

import os
import unittest

import client_suite
import driver
import support
import wire

PARTITION_RECORDS = 20
# Two topics for each writer, with a partition for each codec: the oldest protocols read the first.
CODECS = {"old": ("none", "gzip", "snappy"), "new": ("lz4", "zstd")}
# lz4js, which kafkajs is lent, does not read the checksums of blocks, which aiokafka writes.
CANNOT_READ = [("kafkajs", "aiokafka", "new")]
CLIENTS = [name for name, client in driver.CLIENTS.items() if name != "kafka-tools"]


class CrossClientsTest(client_suite.Session, unittest.TestCase):
    def drivers(self):
        """The clients that this machine has; the others are named."""
        found = {}
        for name in CLIENTS:
            try:
                driver.require_client(name)
            except unittest.SkipTest as reason:
                print(f"SKIPPED: {reason}")
                continue
            found[name] = driver.Driver(name, self.broker, os.path.join(self.folder, name))
            self.addCleanup(found[name].close)
        return found

    def write(self, writer, age):
        """Writes a topic with the codecs that the writer has; returns its name and records."""
        has = [codec for codec in CODECS[age] if codec in driver.CLIENTS[writer.name].codecs]
        if not has:
            return None
        topic = f"{writer.name}-{age}"
        wire.create_topic(self.broker, topic, len(has))
        written = []
        for partition, codec in enumerate(has):
            sent = [record._replace(partition=partition)
                    for record in client_suite.records(writer.name, PARTITION_RECORDS)]
            writer.produce(topic, sent, codec)
            written += [record._replace(offset=i) for i, record in enumerate(sent)]
        return topic, written

    @staticmethod
    def readable(record, reader, writer):
        """As much of a record as both its writer and its reader can carry."""
        can = driver.CLIENTS[reader].features & driver.CLIENTS[writer].features
        return record._replace(
            timestamp=record.timestamp if driver.TIMESTAMPS in can else None,
            headers=record.headers if driver.HEADERS in can else ())

    def read(self, reader, writer, topic, written):
        got = sorted(reader.records("consume", topic=topic),
                     key=lambda r: (r.partition, r.offset))
        self.assertEqual([self.readable(r, reader.name, writer.name) for r in got],
                         [self.readable(r, reader.name, writer.name) for r in written])

    @staticmethod
    def readers(clients, writer, age):
        for reader in list(clients.values()):
            old = "zstd" not in driver.CLIENTS[reader.name].codecs
            if (reader.name, writer.name, age) not in CANNOT_READ and not (old and age == "new"):
                yield reader

    def test_every_pair(self):
        clients = self.drivers()
        for age in CODECS:
            for writer in list(clients.values()):
                with self.subTest(writer=writer.name, codecs=age):
                    written = self.write(writer, age)
                    for reader in self.readers(clients, writer, age) if written else ():
                        with self.subTest(reader=reader.name):
                            try:
                                self.read(reader, writer, *written)
                            except driver.NoAnswer:
                                # Once is enough: each time takes a minute.
                                del clients[reader.name]
                                raise


if __name__ == "__main__":
    support.main()

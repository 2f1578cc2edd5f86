"""Real log files and two million generated lines go in through kcat and come out the same.

Each file goes to a partition of its own, so that the order can be compared line by line: first
after kill -9 right behind the last acknowledgement, then after a clean stop.
"""

import concurrent.futures
import filecmp
import glob
import os
import subprocess

import support
import wire
from clients import Kcat, settings_of

GENERATED_LINES = int(os.environ.get("MILLRACE_REALDATA_LINES", "2000000"))
GENERATED_PARTITIONS = 4
LINE_BYTES_MAX = 900_000  # Below librdkafka's message.max.bytes.
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def copy_lines(source, target):
    """Copies a text file without its empty lines; False if it is none, or not readable."""
    try:
        with open(source, "rb") as file:
            data = file.read()
    except OSError:
        return False
    lines = [line for line in data.split(b"\n") if line]
    if not lines or b"\0" in data or max(map(len, lines)) > LINE_BYTES_MAX:
        return False
    with open(target, "wb") as file:
        file.write(b"\n".join(lines) + b"\n")
    return True


def generate(path, first, count):
    """Lines as a web server logs them; the same for the same numbers."""
    paths = ("/", "/index.html", "/api/v1/orders", "/static/app.js", "/héllo?q=%20")
    with open(path, "w", encoding="utf-8", buffering=1 << 20) as file:
        for number in range(first, first + count):
            mixed = number * 2654435761 & 0xFFFFFFFF
            file.write(f"{number} 10.{mixed >> 24}.{mixed >> 16 & 255}.{mixed & 255} - - "
                       f"[2026-11-21T09:{number // 60000 % 60:02}:{number // 1000 % 60:02}] "
                       f"\"GET {paths[mixed % 5]} HTTP/1.1\" {200 + mixed % 3 * 102} "
                       f"{mixed % 100_000} {'-' * (mixed % 50)}\n")


class RealDataTest(support.BrokerTest):
    def setUp(self):
        support.require_kcat()
        super().setUp()
        self.broker = self.start_broker()
        self.inputs = []  # (path, topic, partition, codec)

    def prepare(self):
        """Writes the input files, and creates a partition for each."""
        found = []
        for source in sorted(glob.glob("/var/log/**/*", recursive=True)):
            target = self.path(f"log-{len(found)}")
            if os.path.isfile(source) and copy_lines(source, target):
                found.append(target)
        print(f"{len(found)} text files of /var/log")
        if found:
            wire.create_topic(self.broker, "var-log", len(found))
        for partition, path in enumerate(found):
            self.inputs.append((path, "var-log", partition, CODECS[partition % len(CODECS)]))
        wire.create_topic(self.broker, "generated", GENERATED_PARTITIONS)
        share = GENERATED_LINES // GENERATED_PARTITIONS
        for partition in range(GENERATED_PARTITIONS):
            path = self.path(f"generated-{partition}")
            generate(path, partition * share, share)
            codec = ("none", "lz4", "zstd", "snappy")[partition]
            self.inputs.append((path, "generated", partition, codec))

    def produce(self, item):
        path, topic, partition, codec = item
        subprocess.run(Kcat.command(self.broker, "-P", "-t", topic, "-p", str(partition), "-l",
                                    *settings_of("-X", {"compression.codec": codec}), path),
                       check=True, timeout=600)

    def consume(self, item):
        path, topic, partition, _ = item
        with open(path + ".out", "wb") as output:
            subprocess.run(Kcat.command(self.broker, "-C", "-q", "-e", "-t", topic, "-p",
                                        str(partition), "-o", "beginning"),
                           stdout=output, check=True, timeout=600)

    def check(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(self.consume, self.inputs))
        for path, topic, partition, codec in self.inputs:
            self.assertTrue(filecmp.cmp(path, path + ".out", shallow=False),
                            f"{path} differs from {topic}-{partition} ({codec})")
            os.unlink(path + ".out")

    def test_files_come_out_as_they_went_in(self):
        self.prepare()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(self.produce, self.inputs))
        self.broker.kill9()
        self.broker.start()
        self.check()
        # Once more without recovery: what a clean stop leaves is read the same.
        self.assertIn(self.broker.stop(), (0, 143 if support.AGAINST_KAFKA else 0))
        self.broker.start()
        self.check()


if __name__ == "__main__":
    support.main()

#!/usr/bin/env python3
"""What many partitions cost: creating them, a first record in each, being there, starting again.

    bench/system/partitions.py [--topics 10000] [--partitions-each 1]

Creates the topics in one request, puts a record into every partition (acks=all; half of them after
the first measurement of idle time), stops the broker in order and starts it again, kills it and
starts it again. Prints times from exec to the first answer, resident memory, descriptors, and the
CPU that an idle broker takes. Appends a line to build/bench/partitions.jsonl.
"""

import argparse
import os
import pathlib
import time

import report
from servers import Server
from wire_calls import Caller, record_batch
from workbench import Workbench, parser_of

PARTITIONS_IN_A_REQUEST = 500
RECORD_BYTES = 1000


def timed(action) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def idle_cpu_percent(server: Server, seconds: float) -> float:
    def used() -> float:
        fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(seconds)
    return (used() - before) / seconds * 100


class ManyPartitions:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.names = [f"many-{i}" for i in range(options.topics)]
        self.rows: list[tuple[str, ...]] = []
        self.result: dict[str, float] = {"topics": options.topics,
                                         "partitions_each": options.partitions_each}

    def note(self, what: str, value: float, unit: str, goal: str = "") -> None:
        self.result[what] = value
        self.rows.append((what, f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}",
                          goal))

    def note_state(self, server: Server, when: str) -> None:
        self.note(f"resident memory, {when}", server.resident_bytes() / 1e6, "MB")
        self.note(f"descriptors, {when}", len(os.listdir(f"/proc/{server.pid}/fd")), "")

    def fill(self, server: Server) -> None:
        batch = record_batch(b"x" * RECORD_BYTES)
        each = self.options.partitions_each
        step = max(PARTITIONS_IN_A_REQUEST // each, 1)
        with Caller(server.port) as caller:
            for first in range(0, len(self.names), step):
                for low in range(0, each, PARTITIONS_IN_A_REQUEST):
                    high = min(each, low + PARTITIONS_IN_A_REQUEST)
                    caller.produce(self.names[first:first + step], range(low, high), batch)

    def create(self, server: Server) -> None:
        with Caller(server.port) as caller:
            caller.create_topics(self.names, self.options.partitions_each)

    def run(self, server: Server) -> None:
        with server:
            server.answer_api_versions()
            self.note("create", timed(lambda: self.create(server)), "s", "3 s")
            self.note_state(server, "created")
            self.note("idle CPU, created", idle_cpu_percent(server, 5), "%", "2 %")
            if not self.options.empty:
                self.note("a record in each", timed(lambda: self.fill(server)), "s")
                self.note("another record in each", timed(lambda: self.fill(server)), "s")
                self.note_state(server, "filled")
                self.note("idle CPU, filled", idle_cpu_percent(server, 5), "%", "2 %")
            self.note("stop", timed(server.stop), "s")
            self.note("clean start", timed(lambda: self.start(server)), "s", "0.5 s")
            self.note_state(server, "after a clean start")
            self.note("idle CPU, after a clean start", idle_cpu_percent(server, 5), "%", "2 %")
            server.kill()
            self.note("start after kill -9", timed(lambda: self.start(server)), "s")

    @staticmethod
    def start(server: Server) -> None:
        server.start()
        server.answer_api_versions()


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--topics", type=int, default=10_000)
    parser.add_argument("--partitions-each", type=int, default=1)
    parser.add_argument("--empty", action="store_true", help="put no records into them")
    options = parser.parse_args()
    bench = Workbench(options)
    many = ManyPartitions(options)
    many.run(bench.binaries.broker(name="partitions"))
    bench.keep("partitions", many.result)
    print(f"{options.topics} topics of {options.partitions_each} partitions\n")
    print(report.markdown_table(("", "measured", "goal"), many.rows))


if __name__ == "__main__":
    main()

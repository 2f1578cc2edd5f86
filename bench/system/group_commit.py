#!/usr/bin/env python3
"""How much of what the disk can sync reaches producers that wait for it (acks=all).

    bench/system/group_commit.py [--producers 1,4,16,64,256] [--batch-bytes 16384]

Measures the file's own sync curve: appends of 4 KiB to 4 MiB, each followed by fdatasync, to a
preallocated file beside the broker's directory. Then producers, each on a connection of its own
with one request under way, write to one partition. The broker's counters tell how many bytes one
of its syncs has covered; its rate is compared with the curve at that size, and with the curve at
1 MiB. Rounds alternate; medians over the rounds. Appends all to build/bench/group_commit.jsonl.
"""

import argparse
import bisect
import itertools
import json
import math
import mmap
import os
import pathlib
import statistics
import subprocess
import time

import report
from servers import Server
from workbench import Workbench, parser_of

CURVE_BYTES = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20]
FILE_BYTES = 1 << 30


def synced_mb_per_s(path: pathlib.Path, size: int, seconds: float) -> float:
    times = synced_seconds(path, size, seconds)
    return size * len(times) / sum(times) / 1e6


def synced_seconds(path: pathlib.Path, size: int, seconds: float) -> list[float]:
    """What appends of `size` bytes took, each with a sync behind it. The file has its blocks
    already, as a segment of the broker has; they are unwritten, as there."""
    piece = mmap.mmap(-1, size)
    piece.write(os.urandom(size))
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
    try:
        os.posix_fallocate(file, 0, FILE_BYTES)
        os.fsync(file)
        stamps = [time.monotonic()]
        position = 0
        while stamps[-1] - stamps[0] < seconds and position + size <= FILE_BYTES:
            os.pwrite(file, piece, position)
            os.fdatasync(file)
            position += size
            stamps.append(time.monotonic())
        return [end - begin for begin, end in itertools.pairwise(stamps)]
    finally:
        os.close(file)
        path.unlink()


def curve_at(curve: dict[int, float], size: float) -> float:
    """Between two measured sizes along the logarithm of the size."""
    at = min(max(bisect.bisect(CURVE_BYTES, size), 1), len(CURVE_BYTES) - 1)
    low, high = CURVE_BYTES[at - 1], CURVE_BYTES[at]
    share = min(max((math.log(size) - math.log(low)) / (math.log(high) - math.log(low)), 0), 1)
    return curve[low] + share * (curve[high] - curve[low])


class GroupCommit:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.bench = Workbench(options)
        self.curve: dict[int, list[float]] = {size: [] for size in CURVE_BYTES}
        self.windows: list[report.Window] = []

    def window(self, server: Server, producers: int) -> report.Window:
        before = self.bench.counters("millrace_log_flush")
        load = subprocess.run(
            [str(self.bench.binaries.load), "produce", "--topic=synced", "--partitions=1",
             "--acks=-1", "--create-topic", f"--connections={producers}", "--in-flight=1",
             f"--batch-bytes={self.options.batch_bytes}", "--warmup=0.5",
             f"--seconds={self.options.seconds}",
             f"--port={server.port}", f"--pid={server.pid}"],
            capture_output=True, text=True, check=True)
        after = self.bench.counters("millrace_log_flush")
        moved = {name: value - before[name] for name, value in after.items()}
        return json.loads(load.stdout) | {
            "producers": producers,
            "bytes_per_sync": moved["millrace_log_flushed_bytes_total"]
            / moved["millrace_log_flushes_total"],
            "sync_us": moved["millrace_log_flush_seconds_total"]
            / moved["millrace_log_flushes_total"] * 1e6}

    def measure(self) -> None:
        for round_ in range(self.options.rounds):
            for size in CURVE_BYTES:
                self.curve[size].append(
                    synced_mb_per_s(self.bench.work / "curve", size, self.options.seconds / 2))
            for producers in self.options.producers:
                with self.bench.binaries.broker(name="group-commit") as server:
                    window = self.window(server, producers)
                self.windows.append(window | {"round": round_})
        self.bench.keep("group_commit", {"curve": self.curve, "windows": self.windows})

    def print_tables(self) -> None:
        curve = {size: statistics.median(rates) for size, rates in self.curve.items()}
        print("The file's own curve\n")
        print(report.markdown_table(("a sync of", "MB/s", "range"), [
            (f"{size >> 10} KiB", f"{curve[size]:.0f}",
             f"{min(self.curve[size]):.0f}-{max(self.curve[size]):.0f}") for size in CURVE_BYTES]))
        print("\nThe broker\n")
        rows = []
        for producers in self.options.producers:
            mine = [w for w in self.windows if w["producers"] == producers]

            def median(member: str) -> float:
                return statistics.median(w[member] for w in mine)

            rates = [w["mb_per_s"] for w in mine]
            rows.append((str(producers), f"{median('mb_per_s'):.0f}",
                         f"{min(rates):.0f}-{max(rates):.0f}",
                         f"{median('bytes_per_sync') / 1024:.0f}", f"{median('sync_us'):.0f}",
                         f"{median('p50_us'):.0f}", f"{median('p99_us'):.0f}",
                         f"{median('mb_per_s') / curve_at(curve, median('bytes_per_sync')):.2f}",
                         f"{median('mb_per_s') / curve[1 << 20]:.2f}"))
        print(report.markdown_table(
            ("producers", "MB/s", "range", "KiB a sync", "us a sync", "p50 us", "p99 us",
             "share of the curve at that size", "share of the curve at 1 MiB"), rows))


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--producers", default="1,4,16,64,128,256")
    parser.add_argument("--batch-bytes", type=int, default=16_384)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a window")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    options.producers = [int(count) for count in options.producers.split(",")]
    run = GroupCommit(options)
    run.measure()
    run.print_tables()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""How long the broker takes to start after kill -9, with nothing in the page cache.

    sudo bench/system/recovery.py [--gigabytes 10] [--partitions 10]

Fills a topic, kills the broker, drops the page cache (needs root), and starts it again: once with
its own recovery points, and once with checkpoints removed, so that every byte has to be read and
checked. For the second the limit is the disk: the same files, read from cold by as many threads as
the broker has for its disk. Repeats all that (--rounds); appends to build/bench/recovery.jsonl.
"""

import argparse
import concurrent.futures
import os
import pathlib
import statistics
import subprocess
import time

import report
from servers import Server
from workbench import Workbench, parser_of

READ_BYTES = 1 << 20
CHECKPOINT_S = 1
DISK_THREADS = 16  # num.disk.threads


def drop_page_cache() -> None:
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")


def read_file(path: pathlib.Path) -> int:
    buffer, total = bytearray(READ_BYTES), 0
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            total += count
    return total


def read_all_s(directory: pathlib.Path) -> tuple[float, int]:
    """From cold, several files at a time."""
    drop_page_cache()
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(DISK_THREADS) as pool:
        total = sum(pool.map(read_file, sorted(directory.glob("*/*.log"))))
    return time.monotonic() - began, total


class Recovery:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.bench = Workbench(options)
        self.results: list[dict[str, float]] = []

    def fill(self, server: Server) -> None:
        subprocess.run(
            [str(self.bench.binaries.load), "produce", "--topic=full",
             f"--partitions={self.options.partitions}", f"--connections={self.options.partitions}",
             "--in-flight=2", "--acks=-1", "--create-topic", "--batch-bytes=102400",
             "--seconds=600", f"--stop-after-bytes={int(self.options.gigabytes * 1e9)}",
             f"--port={server.port}", f"--pid={server.pid}"], capture_output=True, check=True)

    def start_s(self, server: Server) -> float:
        drop_page_cache()
        began = time.monotonic()
        server.start()
        server.answer_api_versions()
        return time.monotonic() - began

    def scanned_bytes(self) -> float:
        return sum(self.bench.counters("millrace_recovered_bytes_total").values())

    def measure(self) -> None:
        with self.bench.binaries.broker(name="recovery") as server:
            self.fill(server)
            time.sleep(CHECKPOINT_S + 1)
            server.kill()
            for _ in range(self.options.rounds):
                result = {"start_s": self.start_s(server), "start_bytes": self.scanned_bytes()}
                server.kill()
                (server.directory / "recovery-point-offset-checkpoint").unlink()
                result["scan_s"] = self.start_s(server)
                result["scanned_bytes"] = self.scanned_bytes()
                server.kill()
                result["read_s"], result["bytes"] = read_all_s(server.directory)
                self.results.append(result)
        self.bench.keep("recovery", {"gigabytes": self.options.gigabytes,
                                     "partitions": self.options.partitions,
                                     "rounds": self.results})

    def rows(self) -> list[tuple[str, ...]]:
        def medians(member: str) -> tuple[str, str]:
            values = [result[member] for result in self.results]
            return (f"{statistics.median(values):.2f}", f"{min(values):.2f}-{max(values):.2f}")

        scanned = statistics.median(result["scanned_bytes"] for result in self.results)
        ratios = [result["scan_s"] / result["read_s"] for result in self.results]
        started = statistics.median(result["start_bytes"] for result in self.results)
        return [("start with its recovery points, s", *medians("start_s"), "1"),
                ("bytes that this one read, GB", f"{started / 1e9:.2f}", "", ""),
                ("start that checks every byte, s", *medians("scan_s"), ""),
                ("bytes that this one read, GB", f"{scanned / 1e9:.2f}", "", ""),
                ("the disk's own time for the same files, s", *medians("read_s"), ""),
                ("ratio of the two", f"{statistics.median(ratios):.2f}",
                 f"{min(ratios):.2f}-{max(ratios):.2f}", "1.2")]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--partitions", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    # Soon, so that the broker is killed as one that has run for long.
    options.set.append(f"log.flush.offset.checkpoint.interval.ms={CHECKPOINT_S * 1000}")
    run = Recovery(options)
    run.measure()
    print(f"{options.gigabytes:g} GB in {options.partitions} partitions\n")
    print(report.markdown_table(("", "median", "range", "goal"), run.rows()))


if __name__ == "__main__":
    main()

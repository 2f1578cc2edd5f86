#!/usr/bin/env python3
"""Measures the broker beside the machine's limit, in interleaved pairs, in one run.

    bench/system/run.py --build build/release             # five pairs of two-second windows
    bench/system/run.py --build build/release --quick     # three pairs of one second
    bench/system/run.py --check                           # status 1 when a requirement fails

How to read the figures, and why they are ratios: docs/benchmarks.md.
"""

import argparse
import contextlib
import dataclasses
import json
import pathlib
import subprocess
import time

import report
from servers import Binaries, Server, add_touch_option, run_load, touch_memory

ROOT = pathlib.Path(__file__).resolve().parents[2]
FETCH_BYTES = 512 << 20
STARTS = 20


@dataclasses.dataclass(frozen=True)
class Produce:
    name: str
    batch_bytes: int
    connections: int = 4
    in_flight: int = 5
    partitions: int = 4
    record_bytes: int = 100
    acks: int = 1
    stop_after_bytes: int = 2_500_000_000  # below what makes the kernel throttle writers
    in_requests: bool = False  # the rate that matters is requests, not bytes

    def arguments(self) -> list[str]:
        names = ("batch_bytes", "connections", "in_flight", "partitions", "record_bytes", "acks",
                 "stop_after_bytes")
        return ["produce", *(f"--{name.replace('_', '-')}={getattr(self, name)}" for name in names)]


PRODUCE_MANY = Produce("produce-100k", 102_400)
PRODUCE_ONE = Produce("produce-1-record", 0, connections=16, record_bytes=1024, in_requests=True)
PRODUCE = (
    PRODUCE_MANY,
    Produce("produce-16k", 16_384),
    Produce("produce-1m", 1_000_000),
    PRODUCE_ONE,
    Produce("produce-1-in-flight", 0, connections=1, in_flight=1, partitions=1, record_bytes=1024,
            in_requests=True),
    Produce("produce-16k-acks-all", 16_384, connections=16, partitions=1, acks=-1),
)
FETCH = {"fetch-100k": 102_400, "fetch-1m": 1_024_000}


def fetch_arguments(name: str, filled: report.Window, partitions: int = 4,
                    connections: int = 4) -> list[str]:
    """Of a load that reads what the window `filled` wrote."""
    batch_bytes = filled["batch_bytes"]
    return ["fetch", "--partitions", str(partitions), "--connections", str(connections),
            "--max-bytes", str(FETCH[name] // batch_bytes * batch_bytes),
            "--batch-bytes", str(batch_bytes),
            "--records-per-batch", str(filled["records_per_batch"])]


class Run:
    """One benchmark run: its windows, in the order in which they were measured."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.work = options.build.parent / "bench"
        self.binaries = Binaries(options.build, self.work, options.set)
        self.windows: list[report.Window] = []
        asked = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"],
                               capture_output=True, text=True)
        self.commit = asked.stdout.strip() or "unknown"

    def load(self, server: Server, arguments: list[str], **labels) -> report.Window:
        if arguments[0] == "produce":
            touch_memory(self.options.touch_gb)
        measured = run_load(self.binaries.load, server, arguments, self.options.seconds)
        window = measured | labels | {"server": server.name, "git": self.commit}
        with open(self.work / "results.jsonl", "a") as results:
            results.write(json.dumps(window) + "\n")
        return window

    def produce_pairs(self, workload: Produce) -> None:
        for pair in range(self.options.pairs):
            for name in report.order(report.SERVERS, pair):
                with self.binaries.null() if name == "null" else self.binaries.broker() as server:
                    self.windows.append(
                        self.load(server, workload.arguments(), workload=workload.name, pair=pair))

    def fetch_pairs(self, names: list[str]) -> None:
        with contextlib.ExitStack() as stack:
            servers = {"null": stack.enter_context(self.binaries.null(FETCH_BYTES)),
                       "millrace": stack.enter_context(self.binaries.broker())}
            fill = dataclasses.replace(PRODUCE_MANY, stop_after_bytes=FETCH_BYTES)
            filled = self.load(servers["millrace"], fill.arguments(), workload="fill", pair=0)
            for name in names:
                arguments = fetch_arguments(name, filled)
                for pair in range(self.options.pairs):
                    for server in report.order(report.SERVERS, pair):
                        self.windows.append(
                            self.load(servers[server], arguments, workload=name, pair=pair))

    def allocations(self, workload: Produce) -> report.Window:
        counts = self.work / "allocation_counts"
        counts.unlink(missing_ok=True)
        with self.binaries.broker(counts) as server:
            arguments = [*workload.arguments(), "--allocation-counts", str(counts)]
            return self.load(server, arguments, workload=workload.name + "-allocations", pair=0)

    def starts_ms(self) -> list[float]:
        times = []
        for _ in range(STARTS):
            began = time.monotonic()
            with self.binaries.broker() as server:
                server.answer_api_versions()
                times.append((time.monotonic() - began) * 1000)
        return times

    def idle_bytes(self) -> int:
        with self.binaries.broker() as server:
            server.answer_api_versions()
            time.sleep(1)
            return server.resident_bytes()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of windows for each workload")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a window")
    parser.add_argument("--quick", action="store_true", help="three pairs of one second")
    parser.add_argument("--only", action="append", default=[], metavar="WORKLOAD",
                        help="may be repeated")
    add_touch_option(parser)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="setting of the broker")
    parser.add_argument("--check", action="store_true",
                        help="fail when a requirement does not hold")
    options = parser.parse_args()
    if options.quick:
        options.pairs, options.seconds = 3, 1.0
    known = [workload.name for workload in PRODUCE] + list(FETCH)
    if unknown := set(options.only) - set(known):
        parser.error(f"no workload {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    options.only = options.only or known
    options.build = options.build.resolve()
    return options


def measure(run: Run) -> list[tuple[str, bool]]:
    """Runs the chosen workloads; returns their names, and whether their rate is in requests."""
    chosen = [workload for workload in PRODUCE if workload.name in run.options.only]
    for workload in chosen:
        print(f"{workload.name} ...", flush=True)
        run.produce_pairs(workload)
    fetches = [name for name in FETCH if name in run.options.only]
    if fetches:
        print(f"{', '.join(fetches)} ...", flush=True)
        run.fetch_pairs(fetches)
    produced = [(workload.name, workload.in_requests) for workload in chosen]
    return produced + [(name, False) for name in fetches]


def verdicts_of(run: Run) -> list[report.Verdict]:
    verdicts = []
    if {"produce-100k", "produce-1-record"} <= set(run.options.only):
        verdicts += report.throughput_verdicts(run.windows)
        many, one = run.allocations(PRODUCE_MANY), run.allocations(PRODUCE_ONE)
        verdicts.append(report.allocation_verdict(many, one))
    return verdicts + report.start_verdicts(run.starts_ms(), run.idle_bytes())


def main() -> None:
    options = parse_options()
    run = Run(options)
    run.work.mkdir(parents=True, exist_ok=True)
    rows = [report.table_row(run.windows, name, in_requests) for name, in_requests in measure(run)]
    verdicts = verdicts_of(run)
    print(f"\ncommit {run.commit}, {options.pairs} pairs of {options.seconds} s; medians; "
          "ratios as median (min-max)\n")
    print(report.markdown_table(report.HEADINGS, rows) + "\n")
    verdict_rows = [(v.what, v.value, v.limit, "yes" if v.holds else "NO") for v in verdicts]
    print(report.markdown_table(("requirement", "measured", "limit", "holds"), verdict_rows))
    report.warn_of_strange_load(run.windows)
    if options.check and not all(v.holds for v in verdicts):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

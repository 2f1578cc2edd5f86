#!/usr/bin/env python3
"""Measures two broker binaries against each other, in interleaved pairs, in one run.

    bench/system/compare.py OLD build/release/bin/millrace
    bench/system/compare.py OLD NEW --only produce-100k --only fetch-1m --pairs 9

Prints, for every workload of run.py, the new one's CPU over the old one's: median of the pairs, the
smallest and the largest. --limit 1.15 ends with status 1 when a median is above it.
"""

import argparse
import contextlib
import dataclasses
import pathlib

import report
import run as system
from servers import add_touch_option

SERVERS = ("old", "new")


class Comparison:
    """Pairs of windows, the old binary's and the new one's."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.run = system.Run(options)
        self.binaries = {"old": options.old.resolve(), "new": options.new.resolve()}

    def broker(self, name: str):
        return self.run.binaries.broker(program=self.binaries[name], name=name)

    def load(self, server, arguments, **labels) -> None:
        self.run.windows.append(self.run.load(server, arguments, **labels))

    def produce(self, workload: system.Produce) -> None:
        for pair in range(self.options.pairs):
            for name in report.order(SERVERS, pair):
                with self.broker(name) as server:
                    self.load(server, workload.arguments(), workload=workload.name, pair=pair)

    def fetch(self, names: list[str]) -> None:
        fill = dataclasses.replace(system.PRODUCE_MANY, stop_after_bytes=system.FETCH_BYTES)
        with contextlib.ExitStack() as stack:
            servers = {name: stack.enter_context(self.broker(name)) for name in self.binaries}
            filled = {name: self.run.load(server, fill.arguments(), workload="fill", pair=0)
                      for name, server in servers.items()}
            for workload in names:
                for pair in range(self.options.pairs):
                    for name in report.order(SERVERS, pair):
                        self.load(servers[name], system.fetch_arguments(workload, filled[name]),
                                  workload=workload, pair=pair)

    def ratios(self, workload: str) -> tuple[report.Ratio, report.Ratio]:
        """Of the CPU time for a request, and of the rate."""
        cpu, rate = (report.ratio(self.run.windows, workload, member, SERVERS)
                     for member in ("server_cpu_us_per_request", "requests_per_s"))
        return cpu, rate


def main() -> None:
    known = [workload.name for workload in system.PRODUCE] + list(system.FETCH)
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, default=system.ROOT / "build" / "release",
                        help="where the load generator is")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a window")
    parser.add_argument("--only", action="append", default=[], choices=known)
    add_touch_option(parser)
    parser.add_argument("--limit", type=float, help="of the median CPU ratio of each workload")
    options = parser.parse_args()
    options.set, options.only = [], options.only or known
    options.build = options.build.resolve()
    comparison = Comparison(options)
    comparison.run.work.mkdir(parents=True, exist_ok=True)
    for workload in system.PRODUCE:
        if workload.name in options.only:
            comparison.produce(workload)
    if fetches := [name for name in system.FETCH if name in options.only]:
        comparison.fetch(fetches)
    ratios = {name: comparison.ratios(name) for name in known if name in options.only}
    rows = [(name, str(cpu), str(rate)) for name, (cpu, rate) in ratios.items()]
    print(report.markdown_table(("workload", "CPU new/old", "rate new/old"), rows))
    report.warn_of_strange_load(comparison.run.windows)
    if options.limit is not None and any(cpu.median > options.limit for cpu, _ in ratios.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

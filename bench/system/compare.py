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
import statistics

import report
import run as system
from servers import touch_memory


class Comparison:
    """Pairs of windows, the old binary's and the new one's."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.run = system.Run(options)
        self.binaries = {"old": options.old.resolve(), "new": options.new.resolve()}

    def broker(self, name: str):
        return self.run.binaries.broker(program=self.binaries[name], name=name)

    def order(self, pair: int) -> tuple[str, str]:
        return ("old", "new") if pair % 2 == 0 else ("new", "old")

    def load(self, server, arguments, **labels) -> None:
        self.run.windows.append(self.run.load(server, arguments, **labels))

    def produce(self, workload: system.Produce) -> None:
        for pair in range(self.options.pairs):
            for name in self.order(pair):
                with self.broker(name) as server:
                    self.load(server, [*workload.arguments(), "--create-topic"],
                              workload=workload.name, pair=pair)

    def fetch(self, names: list[str]) -> None:
        fill = dataclasses.replace(system.PRODUCE_MANY, stop_after_bytes=system.FETCH_BYTES)
        with contextlib.ExitStack() as stack:
            servers = {name: stack.enter_context(self.broker(name)) for name in self.binaries}
            filled = {name: self.run.load(server, [*fill.arguments(), "--create-topic"],
                                          workload="fill", pair=0)
                      for name, server in servers.items()}
            for workload in names:
                for pair in range(self.options.pairs):
                    for name in self.order(pair):
                        self.load(servers[name], system.fetch_arguments(workload, filled[name]),
                                  workload=workload, pair=pair)

    def ratios(self, workload: str, member: str) -> list[float]:
        old, new = (report.select(self.run.windows, workload, name) for name in ("old", "new"))
        return [b[member] / a[member] for a, b in zip(old, new, strict=True)]

    def row(self, workload: str) -> tuple[str, ...]:
        cpu = self.ratios(workload, "server_cpu_us_per_request")
        rate = self.ratios(workload, "requests_per_s")
        return (workload, f"{statistics.median(cpu):.3f}", f"{min(cpu):.2f}-{max(cpu):.2f}",
                f"{statistics.median(rate):.3f}", f"{min(rate):.2f}-{max(rate):.2f}")


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
    parser.add_argument("--touch-gb", type=int, default=6)
    parser.add_argument("--limit", type=float, help="of the median CPU ratio of each workload")
    options = parser.parse_args()
    options.set, options.only = [], options.only or known
    options.build = options.build.resolve()
    comparison = Comparison(options)
    comparison.run.work.mkdir(parents=True, exist_ok=True)
    touch_memory(options.touch_gb)
    for workload in system.PRODUCE:
        if workload.name in options.only:
            comparison.produce(workload)
    if fetches := [name for name in system.FETCH if name in options.only]:
        comparison.fetch(fetches)
    rows = [comparison.row(name) for name in known if name in options.only]
    headings = ("workload", "CPU new/old", "range", "rate new/old", "range")
    print(report.markdown_table(headings, rows))
    if (busy := report.strange_load(comparison.run.windows)) > 0.2:
        print(f"\nOther work (or write-back) took {busy:.1f} cores while this ran: "
              "do not publish these figures.")
    if options.limit is not None and any(float(row[1]) > options.limit for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

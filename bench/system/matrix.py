#!/usr/bin/env python3
"""Millrace beside Apache Kafka and the machine's limit, in interleaved rounds (`make bench`).

    bench/system/matrix.py                        # the short form, within ten minutes
    bench/system/matrix.py --full                 # more rows, more rounds (`make bench-full`)
    bench/system/matrix.py --only produce-100k
    bench/system/matrix.py --against-itself       # Kafka twice: the width of the noise
    bench/system/matrix.py --report FOLDER        # table and plots again, from its runs.jsonl

Writes runs.jsonl (a line for each window), machine.json, table.md, table.txt and plots (SVG) into
--output. How to read them: docs/benchmarks.md.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import time

import goals
import matrix_setup
import results as reading
from facts import FACTS, LINES
from kafka import VERSION as KAFKA_VERSION
from matrix_rows import MORE_ROWS, ROWS, Row
from servers import ServerFailed, add_touch_option
from stand import Rounds, Stand

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHORT = {"pairs": 3, "seconds": 1.5, "minutes": 7.5}
FULL = {"pairs": 7, "seconds": 3.0, "minutes": 120.0}
FILES = ("runs.jsonl", "machine.json", "table.md", "table.txt")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build" / "bench" / "matrix")
    parser.add_argument("--full", action="store_true", help="all rows, seven rounds of 3 s")
    parser.add_argument("--pairs", type=int, help="rounds for each row")
    parser.add_argument("--seconds", type=float, help="length of a window")
    parser.add_argument("--minutes", type=float,
                        help="after so many, what is left gets one round")
    parser.add_argument("--only", action="append", default=[], metavar="ROW", help="repeatable")
    parser.add_argument("--against-itself", action="store_true",
                        help="Kafka in the places of both: the width of the noise")
    parser.add_argument("--report", type=pathlib.Path, metavar="FOLDER", help="measure nothing")
    add_touch_option(parser)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="setting of Millrace")
    options = parser.parse_args()
    for name, value in (FULL if options.full else SHORT).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    known = [row.name for row in (*ROWS, *MORE_ROWS)] + list(FACTS)
    if unknown := set(options.only) - set(known):
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    options.build = options.build.resolve()
    return options


def first_line(command: list[str]) -> str:
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except OSError:
        return "none"
    return (said.stdout or said.stderr).strip().split("\n")[0]


def machine(options: argparse.Namespace) -> dict:
    """What the figures depend on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return {"commit": first_line(["git", "rev-parse", "--short", "HEAD"]),
            "changed": bool(first_line(["git", "status", "--porcelain", "--untracked-files=no"])),
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "processors": os.cpu_count(), "model": models[0] if models else "unknown",
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            "kernel": platform.release(), "kafka": KAFKA_VERSION,
            "java": matrix_setup.java_version(),
            "librdkafka": first_line(["pkg-config", "--modversion", "rdkafka"]),
            "pairs": options.pairs, "seconds": options.seconds, "set": options.set}


class Matrix:
    """A run, from its options to its files."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.output = options.output
        self.windows: list[dict] = []
        self.failures: list[str] = []
        self.ready: dict[str, bool] = {}
        self.began = time.monotonic()

    def keep(self, window: dict) -> None:
        self.windows.append(window)
        with open(self.output / "runs.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(window) + "\n")

    def prepare(self) -> None:
        self.ready = matrix_setup.prepare()
        self.ready["librdkafka"] = (self.options.build / "bin" / "rdkafka_load").exists()
        shutil.rmtree(self.output, ignore_errors=True)
        self.output.mkdir(parents=True)
        (self.output / "runs.jsonl").touch()
        (self.output / "machine.json").write_text(json.dumps(machine(self.options), indent=1))

    def sides(self, row: Row) -> tuple[str, ...]:
        if self.options.against_itself:
            return ("kafka", "kafka-again") if "kafka" in row.sides else ()
        return tuple(side for side in row.sides if side != "kafka" or self.ready["kafka"])

    def chosen(self) -> list[Row]:
        rows = (*ROWS, *MORE_ROWS) if self.options.full or self.options.only else ROWS
        return [row for row in rows if not self.options.only or row.name in self.options.only]

    def facts(self) -> list[str]:
        if self.options.against_itself:
            return []
        return [name for name in FACTS if not self.options.only or name in self.options.only]

    def can_run(self, row: Row) -> bool:
        if not self.sides(row):
            return False
        if not row.needs or self.ready[row.needs]:
            return True
        self.failures.append(f"{row.name} was not measured: {row.needs} is not available.")
        return False

    def measure(self) -> None:
        work = ROOT / "build" / "bench" / "work"
        work.mkdir(parents=True, exist_ok=True)
        with Stand(self.options, work).opened(self.ready["kafka"]) as stand:
            self.attempt("warming Kafka up", stand.warm_kafka)
            rounds = Rounds(stand, self.keep, self.began + self.options.minutes * 60)
            for row in filter(self.can_run, self.chosen()):
                self.attempt(row.name, lambda row=row: rounds.run(
                    row, self.sides(row), self.options.pairs))
            for name in self.facts():
                self.attempt(name, lambda name=name: self.keep_facts(stand, name))

    def keep_facts(self, stand: Stand, name: str) -> None:
        for window in FACTS[name](stand):
            self.keep(window | {"row": name})

    def attempt(self, name: str, action) -> None:
        """What fails is said, and the rest is measured."""
        began = time.monotonic()
        print(f"{name} ...", end="", flush=True)
        try:
            action()
        except (ServerFailed, RuntimeError, OSError) as error:
            self.failures.append(f"{name} FAILED: {error}")
            print(f" FAILED: {error}", end="", flush=True)
        print(f" {time.monotonic() - began:.0f} s", flush=True)

    def report(self, folder: pathlib.Path) -> None:
        measured = [json.loads(line) for line in
                    (folder / "runs.jsonl").read_text(encoding="utf-8").splitlines()]
        results = reading.Results(measured)
        where = json.loads((folder / "machine.json").read_text(encoding="utf-8"))
        parts = [", ".join(f"{name} {value}" for name, value in where.items()),
                 reading.table(results, (*ROWS, *MORE_ROWS)),
                 reading.facts_table(results, LINES), goals.table(results),
                 *reading.remarks(results, (*ROWS, *MORE_ROWS)), *self.failures]
        text = "\n\n".join(part for part in parts if part) + "\n"
        (folder / "table.md").write_text(text, encoding="utf-8")
        (folder / "table.txt").write_text(reading.as_text(text), encoding="utf-8")
        print(f"\n{text}")
        if matrix_setup.PLOTS_PYTHON.exists():
            subprocess.run([matrix_setup.PLOTS_PYTHON, ROOT / "bench" / "system" / "plots.py",
                            folder], check=False)
        print(f"in {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


def main() -> None:
    options = parse_options()
    matrix = Matrix(options)
    if options.report is not None:
        matrix.report(options.report)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the servers end, too
    matrix.prepare()
    matrix.measure()
    matrix.report(options.output)
    print(f"took {(time.monotonic() - matrix.began) / 60:.1f} minutes")
    if matrix.failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

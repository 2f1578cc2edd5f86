"""What the benchmarks of storage have in common: their options, where they work, the broker whose
counters they read, and the file that keeps their results."""

import argparse
import json
import pathlib

from servers import Binaries, free_port, metrics_of

ROOT = pathlib.Path(__file__).resolve().parents[2]


def parser_of(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release",
                        help="where the programs are")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="setting of the broker")
    return parser


class Workbench:
    def __init__(self, options: argparse.Namespace):
        self.work = options.build.resolve().parent / "bench"
        self.work.mkdir(parents=True, exist_ok=True)
        self._metrics_port = free_port()
        self.binaries = Binaries(
            options.build.resolve(), self.work,
            [*options.set, f"metrics.listener=127.0.0.1:{self._metrics_port}"])

    def counters(self, prefix: str) -> dict[str, float]:
        """Of the broker that runs."""
        return metrics_of(self._metrics_port, prefix)

    def keep(self, name: str, result: dict) -> None:
        with open(self.work / f"{name}.jsonl", "a") as results:
            results.write(json.dumps(result) + "\n")

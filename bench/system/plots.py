#!/usr/bin/env python3
"""Draws the windows of a run of matrix.py: plots.py FOLDER (with matplotlib; see plots.txt)."""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # pylint: disable=wrong-import-position
from results import NAMES, Results  # pylint: disable=wrong-import-position

COLOURS = {"null": "#9aa0a6", "relay": "#9aa0a6", "millrace": "#1a73e8", "kafka": "#e8710a",
           "kafka-again": "#f6c199"}
# File, title, axis, member, the rows in it, whether the axis is logarithmic.
PLOTS = (
    ("throughput", "Throughput", "MB/s", "mb_per_s", ("produce", "fetch", "durable", "defaults")),
    ("cpu_per_gb", "CPU of the broker", "seconds per GB", "server_cpu_s_per_gb",
     ("produce", "fetch", "durable", "defaults")),
    ("latency_p50", "End to end, p50", "microseconds", "p50_us", ("end-to-end",)),
    ("latency_p99", "End to end, p99", "microseconds", "p99_us", ("end-to-end",)),
    ("peak_memory", "Peak memory of the broker", "MB", "peak_mb", ("produce", "fetch")),
    ("start", "Start to the first acknowledged record", "ms", "start_ms", ("start",)),
)


def draw(results: Results, rows: list[str], plot: tuple, path: pathlib.Path) -> None:
    """Bars from the medians, with the smallest and the largest window as a line."""
    _, title, axis_title, member, _ = plot
    sides = list(dict.fromkeys(side for row in rows for side in results.sides(row)))
    figure, axis = pyplot.subplots(figsize=(9, 1.2 + 0.22 * len(rows) * (len(sides) + 1)))
    height = 0.8 / len(sides)
    for place, side in enumerate(sides):
        for number, row in enumerate(rows):
            values = [w[member] for w in results.of(row, side) if w.get(member)]
            if not values:
                continue
            middle = results.median(row, side, member)
            spread = [[middle - min(values)], [max(values) - middle]]
            axis.barh(number + place * height, middle, height, xerr=spread,
                      color=COLOURS.get(side, "#5f6368"), ecolor="#3c4043",
                      label=NAMES.get(side, side))
    axis.set_yticks([number + 0.4 - height / 2 for number in range(len(rows))], rows)
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlabel(axis_title)
    axis.set_title(title)
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(labels, handles))
    axis.legend(unique.values(), unique.keys(), loc="best", fontsize="small")
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    windows = [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]
    results = Results(windows)
    names = list(dict.fromkeys(window["row"] for window in windows))
    for plot in PLOTS:
        file, _, _, member, prefixes = plot
        rows = [name for name in names if name.startswith(prefixes)
                and any(window.get(member) for window in windows if window["row"] == name)]
        if rows:
            draw(results, rows, plot, folder / f"{file}.svg")


if __name__ == "__main__":
    main()

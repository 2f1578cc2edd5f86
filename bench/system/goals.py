"""The goals of speed, and whether a run of matrix.py met them."""

import dataclasses
from collections.abc import Callable

import report
from report import Ratio
from results import Results


@dataclasses.dataclass(frozen=True)
class Bound:
    """A figure of a run and what it has to be."""
    what: str
    row: str
    measured: Callable[[Results], float | Ratio | None]
    limit: float
    at_least: bool
    unit: str = ""

    def line(self, results: Results) -> tuple[str, str, str, str]:
        goal = f"{'>=' if self.at_least else '<='} {self.limit:g}{self.unit}"
        value = self.measured(results)
        if value is None:
            return self.what, goal, "-", "not measured"
        figure = value.median if isinstance(value, Ratio) else value
        met = figure >= self.limit if self.at_least else figure <= self.limit
        shown = str(value) if isinstance(value, Ratio) else f"{value:.3g}"
        flag = ", noisy" if results.all_moved(self.row) else ""
        return self.what, goal, shown + self.unit, ("met" if met else "NOT met") + flag


def ratio(row: str, member: str, sides: tuple[str, str]):
    return lambda results: results.ratio(row, member, sides)


def median(row: str, side: str, member: str):
    return lambda results: results.median(row, side, member)


def share_of_limit(what: str, row: str, limit: float, member: str = "mb_per_s") -> Bound:
    return Bound(f"{what}: rate over the null broker's", row,
                 ratio(row, member, ("null", "millrace")), limit, True)


def cheaper(what: str, row: str, times: float) -> Bound:
    return Bound(f"{what}: Kafka's CPU per GB over Millrace's", row,
                 ratio(row, "server_cpu_s_per_gb", ("millrace", "kafka")), times, True)


BOUNDS = (
    share_of_limit("produce, 100 KiB batches", "produce-100k", 0.80),
    Bound("produce, 100 KiB batches: CPU per GB over the null broker's", "produce-100k",
          ratio("produce-100k", "server_cpu_s_per_gb", ("null", "millrace")), 1.25, False),
    cheaper("produce, 100 KiB batches of 100 B", "produce-100k", 8),
)


def table(results: Results) -> str:
    return report.markdown_table(("goal", "at least / at most", "measured", "met"),
                                 [bound.line(results) for bound in BOUNDS])

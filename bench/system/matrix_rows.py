"""The rows of matrix.py: what is sent, to which servers, in the order of the goals."""

import contextlib
import dataclasses
from collections.abc import Callable

from run import Produce
from stand import Stand, Topic, Window

Measure = Callable[[str], Window]


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    sides: tuple[str, ...]
    opened: Callable[[Stand], contextlib.AbstractContextManager[Measure]]
    rate: str = "mb_per_s"
    full_only: bool = False


def produce_row(workload: Produce, title: str, sides: tuple[str, ...],
                kafka_settings: dict[str, str] | None = None, full_only: bool = False) -> Row:
    """A fresh topic for each window, and a fresh server where that costs no warm-up."""
    topic = Topic(workload.partitions, kafka_settings or {})

    def opened(stand: Stand):
        return contextlib.nullcontext(
            lambda side: stand.produce(side, workload.arguments(), topic))

    rate = "requests_per_s" if workload.in_requests else "mb_per_s"
    return Row(workload.name, title, sides, opened, rate, full_only)


ALL = ("null", "millrace", "kafka")
BESIDE = ("millrace", "kafka")

ROWS = (
    produce_row(Produce("produce-100k", 102_400), "100 KiB batches of 100 B, acks=1", ALL),
)

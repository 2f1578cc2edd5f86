"""The goals of speed, and whether a run of matrix.py met them."""

import dataclasses
from collections.abc import Callable

import report
from report import Ratio
from results import Results

NOT_MEASURED = "not measured"


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
            return self.what, goal, "-", NOT_MEASURED
        figure = value.median if isinstance(value, Ratio) else value
        met = figure >= self.limit if self.at_least else figure <= self.limit
        shown = str(value)
        if not isinstance(value, Ratio):
            shown = f"{value:.3g}" if value < 1000 else f"{value:.0f}"
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


def faster(what: str, row: str, times: float) -> Bound:
    return Bound(f"{what}: rate over Kafka's", row,
                 ratio(row, "mb_per_s", ("kafka", "millrace")), times, True)


def above_the_relay(rate: str, acks: str) -> Callable[[Results], Ratio | float | None]:
    """p50 beyond the clients' own, and with acks=all beyond the file's own sync, too."""
    def gap(results: Results) -> Ratio | float | None:
        found = results.difference(f"end-to-end-{rate}-acks-{acks}", "p50_us",
                                   ("relay", "millrace"))
        if found is None or acks == "1":
            return found
        sync = results.median("sync-curve", "disk", "sync_4k_us")
        return None if sync is None else Ratio(found.median - sync, found.low - sync,
                                               found.high - sync)

    return gap


def end_to_end(rate: str) -> tuple[Bound, ...]:
    row = f"end-to-end-{rate}-acks-1"
    bounds = (Bound(f"end to end, {rate}/s, acks=1: p50 above the null broker's", row,
                    above_the_relay(rate, "1"), 25, False, " us"),
              Bound(f"end to end, {rate}/s, acks=all: p50 above the null broker's and the sync's",
                    f"end-to-end-{rate}-acks-all", above_the_relay(rate, "all"), 60, False, " us"))
    if rate != "10000":
        return bounds
    return (*bounds, Bound(f"end to end, {rate}/s, acks=1: p99 over Kafka's", row,
                           ratio(row, "p99_us", ("kafka", "millrace")), 0.2, False))


def of_what_is_possible(row: str) -> Callable[[Results], Ratio | float | None]:
    """Of Kafka's rate, which is not synced; where the disk syncs less than that, of 70 % of what
    it syncs."""
    def share(results: Results) -> Ratio | float | None:
        kafka = results.median(row, "kafka", "mb_per_s")
        disk = results.median("sync-curve", "disk", "synced_1m_mb_per_s")
        ours = results.median(row, "millrace", "mb_per_s")
        if kafka is None or ours is None or disk is None or disk >= kafka:
            return results.ratio(row, "mb_per_s", ("kafka", "millrace"))
        return ours / (0.7 * disk)

    return share


def defaults(client: str, producers: int) -> Bound:
    row = f"defaults-{client}-{producers}"
    who = "one producer" if producers == 1 else f"{producers} producers"
    return Bound(f"defaults, {client}, {who}: rate over Kafka's (or 70 % of the disk's)", row,
                 of_what_is_possible(row), 1, True)


def start_over_kafka(results: Results) -> float | None:
    ours, kafka = (results.median("start", side, "start_ms") for side in ("millrace", "kafka"))
    return kafka / ours if ours and kafka else None


def under_load(results: Results) -> float | None:
    return results.largest(("produce", "fetch", "durable", "defaults"), "millrace", "peak_mb")


BOUNDS = (
    share_of_limit("produce, 100 KiB batches", "produce-100k", 0.80),
    Bound("produce, 100 KiB batches: CPU per GB over the null broker's", "produce-100k",
          ratio("produce-100k", "server_cpu_s_per_gb", ("null", "millrace")), 1.25, False),
    share_of_limit("produce, 1 MB batches", "produce-1m", 0.80),
    share_of_limit("produce, 16 KiB batches", "produce-16k", 0.75),
    cheaper("produce, 1 KiB records in 1 MB batches", "produce-1m-of-1k", 8),
    cheaper("produce, 100 B records in 100 KiB batches", "produce-100k", 8),
    cheaper("produce, 16 KiB batches", "produce-16k", 8),
    share_of_limit("requests of one record", "produce-1-record", 0.85, "requests_per_s"),
    Bound("requests of one record: CPU of each", "produce-1-record",
          median("produce-1-record", "millrace", "server_cpu_us_per_request"), 6, False, " us"),
    share_of_limit("tail fetch, 1 MB answers", "fetch-1m", 0.90),
    cheaper("tail fetch, 1 MB answers", "fetch-1m", 4),
    Bound("ten consumers: CPU per GB sent over one consumer's", "consumers",
          ratio("consumers", "server_cpu_s_per_gb", ("one", "ten")), 1.10, False),
    faster("acks=all, both synced, 64 producers of 16 KiB", "durable-64", 10),
    *(defaults(client, producers) for client in ("java", "librdkafka") for producers in (1, 64)),
    *end_to_end("1000"), *end_to_end("10000"),
    Bound("start to the first acknowledged record", "start",
          median("start", "millrace", "start_ms"), 30, False, " ms"),
    Bound("start: Kafka's time over Millrace's", "start", start_over_kafka, 70, True),
    Bound("memory, idle", "start", median("start", "millrace", "idle_mb"), 15, False, " MB"),
    Bound("memory under load, the worst row", "produce-100k", under_load, 70, False, " MB"),
    Bound("allocations for a request of one record", "allocations",
          median("allocations", "millrace", "allocations_one"), 0.01, False),
    Bound("user-space instructions for a request of 1 KiB, its CRC among them", "instructions",
          median("instructions", "millrace", "instructions_per_request"), 4000, False),
    Bound("10,000 partitions in turn: rate over that of one partition", "partitions",
          ratio("partitions", "requests_per_s", ("one-partition", "10,000-partitions")), 0.80,
          True),
)


def table(results: Results) -> str:
    """What was measured, and the names of the rest."""
    lines = [bound.line(results) for bound in BOUNDS]
    measured = [line for line in lines if line[-1] != NOT_MEASURED]
    rest = [line[0] for line in lines if line[-1] == NOT_MEASURED]
    shown = report.markdown_table(("goal", "at least / at most", "measured", "met"), measured)
    parts = ([shown] if measured else []) + ([f"Not measured: {'; '.join(rest)}."] if rest else [])
    return "\n\n".join(parts)

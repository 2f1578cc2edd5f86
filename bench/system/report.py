"""Turns the windows of a run into medians of per-pair ratios, a table, and verdicts."""

import dataclasses
import statistics

SERVERS = ("null", "millrace")
Window = dict  # one line of millrace_load, with "workload", "pair" and "server" added


@dataclasses.dataclass
class Ratio:
    """One server's figure over another's, pair by pair."""
    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclasses.dataclass
class Verdict:
    what: str
    value: str
    limit: str
    holds: bool


def select(windows: list[Window], workload: str, server: str) -> list[Window]:
    chosen = [w for w in windows if w["workload"] == workload and w["server"] == server]
    return sorted(chosen, key=lambda w: w["pair"])


def order(servers: tuple[str, str], pair: int) -> tuple[str, str]:
    """A B, B A, A B, ...: a drift of the machine hits both alike."""
    return servers if pair % 2 == 0 else servers[::-1]


def ratio(windows: list[Window], workload: str, member: str,
          servers: tuple[str, str] = SERVERS) -> Ratio:
    """Of the second server over the first."""
    first, second = (select(windows, workload, name) for name in servers)
    ratios = [b[member] / a[member] for a, b in zip(first, second, strict=True) if a[member] > 0]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def median(windows: list[Window], workload: str, server: str, member: str) -> float:
    return statistics.median(w[member] for w in select(windows, workload, server))


HEADINGS = ("workload", "null", "millrace", "unit", "share of limit", "CPU s/GB null", "millrace",
            "ratio", "us/request null", "millrace", "p50 us", "p99 us")


def table_row(windows: list[Window], workload: str, in_requests: bool) -> tuple[str, ...]:
    rate = "requests_per_s" if in_requests else "mb_per_s"

    def both(member: str, digits: int) -> list[str]:
        return [f"{median(windows, workload, server, member):.{digits}f}" for server in SERVERS]

    return (workload, *both(rate, 0), "1/s" if in_requests else "MB/s",
            str(ratio(windows, workload, rate)),
            *both("server_cpu_s_per_gb", 3), str(ratio(windows, workload, "server_cpu_s_per_gb")),
            *both("server_cpu_us_per_request", 1),
            f"{median(windows, workload, 'millrace', 'p50_us'):.0f}",
            f"{median(windows, workload, 'millrace', 'p99_us'):.0f}")


def markdown_table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in (headings, *rows)]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def strange_load(windows: list[Window]) -> float:
    """The median of the cores that neither server nor client used: other work, or write-back."""
    return statistics.median(
        (w["machine_busy_s"] - w["client_cpu_s"] - w["server_cpu_s"]) / w["seconds"]
        for w in windows)


def warn_of_strange_load(windows: list[Window]) -> None:
    if (busy := strange_load(windows)) > 0.2:
        print(f"\nOther work (or write-back) took {busy:.1f} cores while this ran: "
              "do not publish these figures.")


def throughput_verdicts(windows: list[Window]) -> list[Verdict]:
    share = ratio(windows, "produce-100k", "mb_per_s").median
    cpu = ratio(windows, "produce-100k", "server_cpu_s_per_gb").median
    small = median(windows, "produce-1-record", "millrace", "server_cpu_us_per_request")
    return [
        Verdict("produce, 100 KiB batches: share of the null broker",
                f"{share:.2f}", ">= 0.60", share >= 0.60),
        Verdict("produce, 100 KiB batches: CPU per GB over the null broker's",
                f"{cpu:.2f}", "<= 1.60", cpu <= 1.60),
        Verdict("one 1 KiB record per request: broker CPU",
                f"{small:.2f} us", "<= 8 us", small <= 8.0),
    ]


def start_verdicts(starts_ms: list[float], resident_bytes: int) -> list[Verdict]:
    start_ms = statistics.median(starts_ms)
    megabytes = resident_bytes / 1e6
    return [
        Verdict("start to the first answer, empty directory (median)",
                f"{start_ms:.1f} ms", "<= 50 ms", start_ms <= 50),
        Verdict("resident memory after 1 s idle",
                f"{megabytes:.1f} MB", "< 20 MB", megabytes < 20),
    ]


def allocation_verdict(many: Window, one: Window) -> Verdict:
    """Compares a request of many records with one of one: what grows is paid for each record."""
    extra = many["allocations_per_request"] - one["allocations_per_request"]
    per_record = max(0.0, extra / (many["records_per_batch"] - one["records_per_batch"]))
    what = (f"allocations per record (per request: {many['allocations_per_request']:.2f} with "
            f"{many['records_per_batch']} records, {one['allocations_per_request']:.2f} with one)")
    return Verdict(what, f"{per_record:.4f}", "<= 0.01", per_record <= 0.01)

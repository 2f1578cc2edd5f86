"""The windows of a run of matrix.py, as runs.jsonl has them, and what can be asked of them."""

import statistics

import report
from report import Ratio

PROBE_MOVED_MAX = 0.15
NAMES = {"null": "null broker", "relay": "null broker that passes on", "millrace": "Millrace",
         "kafka": "Apache Kafka", "kafka-again": "Apache Kafka again", "one": "one consumer",
         "ten": "ten consumers", "one-partition": "one partition",
         "10,000-partitions": "10,000 partitions", "disk": "the disk itself"}


class Results:
    def __init__(self, windows: list[dict]):
        self._all = windows

    def of(self, row: str, side: str) -> list[dict]:
        """In the order of the rounds, without those whose probe moved. When no round of a row is
        left they all stand; all_moved() tells."""
        mine = sorted((w for w in self._all if w["row"] == row and w["server"] == side),
                      key=lambda w: w["pair"])
        kept = [w for w in mine if w.get("probe_moved", 0) <= PROBE_MOVED_MAX]
        return kept or mine

    def sides(self, row: str) -> list[str]:
        return list(dict.fromkeys(w["server"] for w in self._all if w["row"] == row))

    def rounds(self, row: str) -> tuple[int, int]:
        """Measured, and dropped for a moved probe."""
        moved = {w["pair"]: w.get("probe_moved", 0) > PROBE_MOVED_MAX
                 for w in self._all if w["row"] == row}
        return len(moved), sum(moved.values())

    def probes(self) -> list[float]:
        """The null broker's rates, of all rounds."""
        return [w["probe_after"] for w in self._all if "probe_after" in w]

    def has_empty_window(self, row: str) -> bool:
        """Whether a server has acknowledged nothing in one."""
        return any(w.get("bytes") == 0 for w in self._all if w["row"] == row)

    def all_moved(self, row: str) -> bool:
        measured, dropped = self.rounds(row)
        return measured > 0 and measured == dropped

    def median(self, row: str, side: str, member: str) -> float | None:
        values = [w[member] for w in self.of(row, side) if w.get(member) is not None]
        return statistics.median(values) if values else None

    def difference(self, row: str, member: str, sides: tuple[str, str]) -> Ratio | None:
        """The second side's figure less the first's, round by round."""
        first, second = (self.of(row, side) for side in sides)
        firsts = {w["pair"]: w[member] for w in first if w.get(member) is not None}
        gaps = [w[member] - firsts[w["pair"]] for w in second
                if w.get(member) is not None and w["pair"] in firsts]
        return Ratio(statistics.median(gaps), min(gaps), max(gaps)) if gaps else None

    def largest(self, prefixes: tuple[str, ...], side: str, member: str) -> float | None:
        """Of the medians of the rows whose names begin so."""
        rows = dict.fromkeys(w["row"] for w in self._all if w["row"].startswith(prefixes))
        values = [value for row in rows
                  if (value := self.median(row, side, member)) is not None]
        return max(values, default=None)

    def ratio(self, row: str, member: str, sides: tuple[str, str]) -> Ratio | None:
        """Of the second side over the first, pair by pair; None when one was not measured."""
        first, second = (self.of(row, side) for side in sides)
        firsts = {w["pair"]: w.get(member) for w in first}
        ratios = [w[member] / firsts[w["pair"]] for w in second
                  if w.get(member) is not None and firsts.get(w["pair"])]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios)) if ratios else None


def number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


HEADINGS = ("row", "server", "rate", "unit", "ratio", "CPU s/GB", "ratio",
            "us/request", "us/record", "switches/MB", "p50 us", "p99 us", "peak MB", "rounds")


def table_rows(results: Results, row) -> list[tuple[str, ...]]:
    """One line for each side."""
    measured, dropped = results.rounds(row.name)
    flag = "all moved" if results.all_moved(row.name) else f"{measured - dropped}/{measured}"
    sides = results.sides(row.name)
    ours = "millrace" if "millrace" in sides else sides[-1] if sides else ""
    lines = []
    for side in (side for side in (*row.sides, "kafka-again") if side in sides):
        def median(member: str, digits: int, side: str = side) -> str:
            return number(results.median(row.name, side, member), digits)

        def over(member: str, side: str = side) -> str:
            ratio = None if side == ours else results.ratio(row.name, member, (side, ours))
            return "" if ratio is None else str(ratio)

        unit = "1/s" if row.rate == "requests_per_s" else "MB/s"
        lines.append((row.name, NAMES.get(side, side), median(row.rate, 0), unit, over(row.rate),
                      median("server_cpu_s_per_gb", 3), over("server_cpu_s_per_gb"),
                      median("server_cpu_us_per_request", 1),
                      median("server_cpu_us_per_record", 3), median("switches_per_mb", 1),
                      median("p50_us", 0), median("p99_us", 0), median("peak_mb", 0), flag))
    return lines


def table(results: Results, rows) -> str:
    lines = [line for row in rows for line in table_rows(results, row)]
    return report.markdown_table(HEADINGS, lines)


def facts_table(results: Results, lines) -> str:
    """What was measured without rounds; the disk's figures stand in our column."""
    shown = []
    for what, row, member, digits in lines:
        ours = results.median(row, "millrace", member) or results.median(row, "disk", member)
        if ours is not None:
            kafka = results.median(row, "kafka", member)
            shown.append((what, number(ours, digits), number(kafka, digits)))
    if not shown:
        return ""
    return report.markdown_table(("", "Millrace, or the disk", "Apache Kafka"), shown)


def remarks(results: Results, rows) -> list[str]:
    """What a reader of the table has to know of its rounds."""
    counts = [results.rounds(row.name) for row in rows]
    measured, dropped = (sum(count) for count in zip(*counts))
    said = [f"Rates and costs are medians over rounds. A ratio is Millrace's figure over that "
            f"server's (where Millrace is not the one compared: the last server's), the median of "
            f"the rounds (smallest-largest). The null broker's rate moved by more than "
            f"{PROBE_MOVED_MAX:.0%} during {dropped} of {measured} rounds: those do not count."]
    if moved := [row.name for row in rows if results.all_moved(row.name)]:
        said.append("NOISY: in these rows it moved in every round, so all stand in the table: "
                    + ", ".join(moved) + ".")
    if empty := [row.name for row in rows if results.has_empty_window(row.name)]:
        said.append("In these rows a client got nothing acknowledged in a window; such a window "
                    "is no base for a ratio: " + ", ".join(empty) + ".")
    if probes := results.probes():
        said.append(f"Over the whole run the probe went from {min(probes):.0f} to {max(probes):.0f}"
                    " MB/s; where these are far apart, the machine had other work.")
    return said


def as_text(markdown: str) -> str:
    """The same for a terminal: columns without the bars."""
    lines = []
    for line in markdown.splitlines():
        if line.startswith("|-"):
            line = "  ".join("-" * (len(cell) - 2) for cell in line.strip("|").split("|"))
        elif line.startswith("|"):
            line = line[2:-1].replace(" | ", "  ")
        lines.append(line.rstrip())
    return "\n".join(lines) + "\n"

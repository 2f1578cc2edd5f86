#!/usr/bin/env python3
"""What a reader of records that are only on the disk does to producers beside it.

    bench/system/cold_reader.py build/release/bin/millrace [another binary ...]

Fills a topic, drops it from the page cache, and lets producers write to another topic at a constant
rate, in windows of three kinds, which alternate: without a reader; with a consumer that reads the
first topic from its beginning; and with the same consumer, but of a null broker's file, so that the
machine does about the same work and the broker none of it. A produce's time counts from when it
should have been sent, so that a stall is seen by all requests that fall into it. A ping
(ApiVersions, a thousand a second, on a connection of its own) shows how long the shard did not come
round: its longest is called the stall.

What a shard's thread has waited for the disk is counted by the kernel, if it is told to (as root:
sysctl kernel.task_delayacct=1; in steps of 10 ms, the thread being the one that works most). Unlike
a stall this has nothing in it of what else the machine does.

Prints, for each binary, medians over the windows, the ratios of the producers' p99 with the reader
to those of the other kinds (median, smallest, largest of the rounds), the readers' rates, and how
much of what was read was left in the page cache afterwards. Appends every window to
build/bench/cold_reader.jsonl.
"""

import argparse
import contextlib
import ctypes
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess

import report
from servers import Binaries, Server, add_touch_option, touch_memory

ROOT = pathlib.Path(__file__).resolve().parents[2]
SYS_CACHESTAT = 451
# The reader begins with the warm-up of the producers, and ends after them.
READER_EXTRA_S = 1.0
SYNC_ROUNDS = 3
KINDS = ("none", "elsewhere", "broker")
HEADINGS = ("", "without reader", "a null broker's reader", "the broker's reader")


def cached_bytes(path: pathlib.Path) -> int:
    """How much of the file is in the page cache; 0 where the kernel cannot tell."""
    libc = ctypes.CDLL(None, use_errno=True)
    span, found = (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)()
    with open(path, "rb") as file:
        status = libc.syscall(SYS_CACHESTAT, file.fileno(), span, found, 0)
    return found[0] * os.sysconf("SC_PAGE_SIZE") if status == 0 else 0


def disk_wait_s(pid: int) -> float:
    """How long the thread that has worked most has waited for the disk."""
    threads = []
    for path in pathlib.Path(f"/proc/{pid}/task").iterdir():
        # Behind the name: state, then from the fourth field on numbers.
        fields = (path / "stat").read_text().rpartition(")")[2].split()
        threads.append((int(fields[11]) + int(fields[12]), int(fields[39])))
    return max(threads)[1] / os.sysconf("SC_CLK_TCK")


class ColdFiles:
    """The files that are read."""

    def __init__(self, directory: pathlib.Path, pattern: str):
        self._directory = directory
        self._pattern = pattern

    def files(self) -> list[pathlib.Path]:
        return [path for path in self._directory.glob(self._pattern) if path.is_file()]

    def drop(self) -> None:
        # A page that is being written back is not dropped: then once more.
        for _ in range(SYNC_ROUNDS):
            for path in self.files():
                with open(path, "rb") as file:
                    os.fsync(file.fileno())
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def cached_bytes(self) -> int:
        return sum(cached_bytes(path) for path in self.files())


@dataclasses.dataclass
class ColdSource:
    """From where a reader reads."""
    server: Server
    files: ColdFiles


class ColdReader:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.work = options.build.parent / "bench"
        self.work.mkdir(parents=True, exist_ok=True)
        self.binaries = Binaries(options.build, self.work, options.set)
        self.windows: list[report.Window] = []

    def start_load(self, server: Server, *arguments: object) -> subprocess.Popen:
        command = [str(self.binaries.load), *map(str, arguments), f"--port={server.port}",
                   f"--pid={server.pid}"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, load: subprocess.Popen, server: Server) -> report.Window:
        output, error = load.communicate()
        if load.returncode != 0:
            raise SystemExit(f"{load.args}\n{error}\n{server.name} said:\n{server.output()}")
        return json.loads(output)

    def fill(self, server: Server) -> report.Window:
        load = self.start_load(server, "produce", "--topic=old", "--partitions=1",
                               "--connections=1", "--in-flight=4", "--create-topic",
                               f"--batch-bytes={self.options.old_batch_bytes}", "--seconds=600",
                               f"--stop-after-bytes={int(self.options.gigabytes * 1e9)}")
        return self.finish(load, server)

    def reader(self, source: ColdSource, filled: report.Window) -> subprocess.Popen:
        options = self.options
        return self.start_load(
            source.server, "fetch", "--topic=old", "--partitions=1",
            f"--connections={options.readers}", "--warmup=0",
            f"--seconds={options.seconds + READER_EXTRA_S}", "--max-bytes=1048576",
            f"--batch-bytes={filled['batch_bytes']}",
            f"--records-per-batch={filled['records_per_batch']}")

    def window(self, kind: str, broker: ColdSource, source: ColdSource,
               filled: report.Window) -> report.Window:
        options, server = self.options, broker.server
        for cold in {id(broker): broker, id(source): source}.values():
            cold.files.drop()
        cached_before, waited_before = source.files.cached_bytes(), disk_wait_s(server.pid)
        touch_memory(options.touch_gb)
        reader = self.reader(source, filled) if kind != "none" else None
        producers = self.start_load(
            server, "paced", "--topic=new", "--partitions=4", "--connections=4", "--create-topic",
            f"--requests-per-second={options.rate}", f"--batch-bytes={options.batch_bytes}",
            f"--acks={options.acks}", "--warmup=0.5", f"--seconds={options.seconds}")
        window = self.finish(producers, server)
        if reader is not None:
            read = self.finish(reader, source.server)
            window |= {"reader_mb_per_s": read["mb_per_s"], "reader_bytes": read["bytes"],
                       "left": source.files.cached_bytes() / read["bytes"]}
        window |= {"server": server.name, "kind": kind, "cached_before": cached_before,
                   "disk_wait_ms": (disk_wait_s(server.pid) - waited_before) * 1e3}
        with open(self.work / "cold_reader.jsonl", "a") as results:
            results.write(json.dumps(window) + "\n")
        return window

    def measure(self) -> None:
        with contextlib.ExitStack() as stack:
            null = stack.enter_context(
                self.binaries.null(int(self.options.gigabytes * 1e9), name="cold-null"))
            elsewhere = ColdSource(null, ColdFiles(null.directory, "null.fetch"))
            served = []
            for index, program in enumerate(self.options.binaries):
                server = stack.enter_context(
                    self.binaries.broker(program=program.resolve(), name=f"cold-{index}"))
                source = ColdSource(server, ColdFiles(server.directory, "old-*/*"))
                served.append((source, self.fill(server)))
            for pair in range(self.options.pairs):
                for source, filled in served if pair % 2 == 0 else served[::-1]:
                    for kind in KINDS if pair % 2 == 0 else KINDS[::-1]:
                        read_from = elsewhere if kind == "elsewhere" else source
                        window = self.window(kind, source, read_from, filled)
                        self.windows.append(window | {"pair": pair})

    def rows(self, index: int) -> list[tuple[str, ...]]:
        mine = [w for w in self.windows if w["server"] == f"cold-{index}"]
        windows = {kind: sorted((w for w in mine if w["kind"] == kind), key=lambda w: w["pair"])
                   for kind in KINDS}

        def medians(member: str, digits: int = 0) -> tuple[str, ...]:
            # A window without a reader lacks some.
            found = [[w[member] for w in windows[kind] if member in w] for kind in KINDS]
            return tuple(f"{statistics.median(values):.{digits}f}" if values else ""
                         for values in found)

        def ratio(kind: str) -> str:
            ratios = [b["p99_us"] / a["p99_us"]
                      for a, b in zip(windows[kind], windows["broker"], strict=True)]
            return str(report.Ratio(statistics.median(ratios), min(ratios), max(ratios)))

        worst = tuple(f"{max(w['ping_max_us'] for w in windows[kind]):.0f}" for kind in KINDS)
        return [("produce p50, us", *medians("p50_us")), ("produce p99, us", *medians("p99_us")),
                ("produce p99.9, us", *medians("p999_us")), ("produce max, us", *medians("max_us")),
                ("p99 with the broker's reader, over it", ratio("none"), ratio("elsewhere"), ""),
                ("ping p99, us", *medians("ping_p99_us")),
                ("ping p99.9, us", *medians("ping_p999_us")),
                ("longest stall, median of windows, us", *medians("ping_max_us")),
                ("longest stall of all, us", *worst),
                ("shard waited for the disk, ms", *medians("disk_wait_ms")),
                ("broker CPU, s", *medians("server_cpu_s", 2)),
                ("reader, MB/s", *medians("reader_mb_per_s")),
                ("left in the page cache of what was read", *medians("left", 2))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", type=pathlib.Path, nargs="+")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release",
                        help="where the load generator is")
    parser.add_argument("--gigabytes", type=float, default=6, help="of the topic that is read")
    parser.add_argument("--old-batch-bytes", type=int, default=102_400, help="its batches")
    parser.add_argument("--pairs", type=int, default=5, help="rounds of windows for each binary")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a window")
    parser.add_argument("--readers", type=int, default=1, help="connections of the reader")
    parser.add_argument("--rate", type=float, default=2000, help="produce requests a second")
    parser.add_argument("--batch-bytes", type=int, default=16_384, help="of these requests")
    parser.add_argument("--acks", type=int, default=1, choices=(1, -1))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="setting of the broker")
    add_touch_option(parser)
    options = parser.parse_args()
    options.build = options.build.resolve()
    run = ColdReader(options)
    run.measure()
    for index, program in enumerate(options.binaries):
        print(f"\n{program} (acks={options.acks}, {options.pairs} rounds of {options.seconds} s)\n")
        print(report.markdown_table(HEADINGS, run.rows(index)))


if __name__ == "__main__":
    main()

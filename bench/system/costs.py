#!/usr/bin/env python3
"""Where a broker's CPU time goes, by what it is spent on.

    bench/system/costs.py [WORKLOAD ...] [--binary build/release/bin/millrace] [--null]

Samples the broker with `perf` (Debian: linux-perf; as root) while millrace_load drives it, and
counts each sample for the first line of PARTS that a function of its stack matches. The clock is
the processor's timer, for a virtual machine often has no counters; what interrupts are off for is
counted where they go on again. --null does the same with the null broker, as far as it can.
"""

import argparse
import collections
import contextlib
import dataclasses
import pathlib
import re
import shutil
import subprocess
import sys

import report
from run import FETCH_BYTES, PRODUCE_MANY, PRODUCE_ONE, Produce, fetch_arguments
from servers import Binaries, Server, ServerFailed, add_touch_option, run_load, touch_memory

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERTZ = 2000
# Of the load's window, so that neither its start nor its end is in it.
SAMPLED_SHARE = 0.7

# What it is, and the functions that tell; the first line that fits counts.
PARTS = (
    ("sync: fdatasync", r"ext4_sync_file|do_fsync"),
    ("early write-back: sync_file_range", r"sync_file_range"),
    ("room for the log: fallocate", r"vfs_fallocate|ext4_fallocate"),
    ("append: copying into the page cache", r"copy_(folio|page)_from_iter_atomic"),
    ("append: the file system's own work", r"ext4_buffered_write_iter|ksys_pwrite|vfs_write$"),
    ("receive: copying from the socket", r"_copy_to_iter"),
    ("receive: TCP", r"tcp_recvmsg"),
    ("send: pages of the file to the socket", r"splice|do_sendfile"),
    ("send: TCP", r"tcp_sendmsg|__sys_sendto|tcp_push"),
    ("page cache questions: cachestat", r"cachestat"),
    ("reads of batch headers", r"ext4_file_read_iter|filemap_read"),
    ("waiting: epoll", r"epoll"),
    ("waking threads: futex, eventfd", r"futex|eventfd"),
    ("CRC-32C", r"crc32_iscsi"),
    ("records looked at one by one", r"WalkSound"),
    ("the rest of the kernel", r"entry_SYSCALL|do_syscall|asm_sysvec|ret_from_fork"),
)
REST = "the rest of the broker's own code"


@dataclasses.dataclass(frozen=True)
class Workload:
    load: Produce | None  # none: a fetch
    title: str


WORKLOADS = {
    "produce-100k": Workload(PRODUCE_MANY, "produce, 100 KiB batches, acks=1"),
    "produce-1-record": Workload(PRODUCE_ONE, "produce, one record of 1 KiB a request, acks=1"),
    "durable-64": Workload(Produce("durable-64", 16_384, connections=64, in_flight=1,
                                   partitions=1, acks=-1),
                           "produce, 64 producers of 16 KiB, acks=all"),
    "fetch-1m": Workload(None, "tail fetch, 1 MB answers"),
}


class Perf:
    """Samples a process from its start to its end."""

    def __init__(self, pid: int, data: pathlib.Path, seconds: float):
        self._data = data
        self._process = subprocess.Popen(
            ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(HERTZ), "-g", "-p", str(pid),
             "-o", str(data), "--", "sleep", str(seconds)], stderr=subprocess.PIPE, text=True)

    def parts(self) -> collections.Counter:
        _, complaint = self._process.communicate()
        if self._process.returncode != 0:
            raise ServerFailed(f"perf: {complaint}")
        printed = subprocess.run(["perf", "script", "-i", str(self._data), "-F", "ip,sym"],
                                 capture_output=True, text=True, check=True).stdout
        return collections.Counter(part_of(stack.split("\n"))
                                   for stack in printed.split("\n\n") if stack.strip())


def part_of(stack: list[str]) -> str:
    functions = [line.split(None, 1)[1] for line in stack if len(line.split(None, 1)) == 2]
    for name, pattern in PARTS:
        if any(re.search(pattern, function) for function in functions):
            return name
    return REST


class Profile:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.work = options.build.parent / "bench"
        self.work.mkdir(parents=True, exist_ok=True)
        self.binaries = Binaries(options.build, self.work, options.set)

    def server(self, fetches: bool) -> Server:
        if self.options.null:
            return self.binaries.null(FETCH_BYTES if fetches else 0)
        return self.binaries.broker(program=self.options.binary)

    def load(self, server: Server, arguments: list[str], seconds: float) -> report.Window:
        return run_load(self.binaries.load, server, [*arguments, "--topic=profiled"], seconds)

    def arguments(self, workload: Workload, server: Server) -> list[str]:
        if workload.load is not None:
            return workload.load.arguments()
        fill = dataclasses.replace(PRODUCE_MANY, stop_after_bytes=FETCH_BYTES)
        if server.name == "null":
            filled = {"batch_bytes": fill.batch_bytes, "records_per_batch": 930}
        else:
            filled = self.load(server, fill.arguments(), 60)
        return fetch_arguments("fetch-1m", filled)

    def run(self, name: str) -> None:
        workload = WORKLOADS[name]
        with self.server(workload.load is None) as server:
            arguments = self.arguments(workload, server)
            seconds = self.options.seconds
            touch_memory(self.options.touch_gb)
            perf = Perf(server.pid, self.work / "profile.data", seconds * SAMPLED_SHARE)
            window = self.load(server, arguments, seconds)
            parts = perf.parts()
        total = sum(parts.values())
        per_gb, per_request = window["server_cpu_s_per_gb"], window["server_cpu_us_per_request"]
        print(f"\n{workload.title}: {window['mb_per_s']:.0f} MB/s, {per_gb:.3f} CPU s/GB, "
              f"{per_request:.1f} us a request; {total} samples\n")
        rows = [(part, f"{count / total:.1%}", f"{count / total * per_request:.2f}")
                for part, count in parts.most_common() if count / total >= 0.005]
        print(report.markdown_table(("", "share", "us a request"), rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--binary", type=pathlib.Path, help="another broker")
    parser.add_argument("--null", action="store_true", help="the null broker instead")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="setting of the broker")
    add_touch_option(parser)
    options = parser.parse_args()
    if unknown := set(options.workloads) - set(WORKLOADS):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    if shutil.which("perf") is None:
        raise SystemExit("perf is missing: install the Debian package linux-perf")
    options.build = options.build.resolve()
    profile = Profile(options)
    for name in options.workloads or WORKLOADS:
        profile.run(name)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())

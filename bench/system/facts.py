"""What matrix.py measures of a server without rounds: its start, its memory, and what it does for a
request in allocations, instructions and system calls."""

import pathlib
import re
import shutil
import signal
import subprocess
import time

import instructions
from group_commit import synced_seconds
from kafka import Kafka, call_when_ready
from run import PRODUCE_MANY, PRODUCE_ONE
from servers import Server, ServerFailed, run_load
from stand import Stand, Topic
from wire_calls import record_batch

STARTS = {"millrace": 15, "kafka": 2}
STARTS_FULL = {"millrace": 30, "kafka": 5}
IDLE_SECONDS = 1.0
INSTRUCTION_REQUESTS = 500
SYSCALL_SECONDS = 1.0
CURVE_SECONDS = 0.5
CURVE_ROUNDS = 3
RECORD = record_batch(b"x" * 1024)


def _first_record_ms(server: Server) -> float:
    """From exec to the answer that acknowledges a record with acks=all."""
    call_when_ready(server, lambda caller: caller.create_topics(["first"], 1))
    call_when_ready(server, lambda caller: caller.produce(["first"], range(1), RECORD))
    return (time.monotonic() - server.started_at) * 1000


def starts(stand: Stand):
    """Yields starts on empty directories, and the memory of each server that has nothing to do."""
    for side, times in (STARTS_FULL if stand.options.full else STARTS).items():
        if side == "kafka" and stand.kafka is None:
            continue
        for number in range(times):
            with (Kafka(stand.work / "kafka-start") if side == "kafka"
                  else stand.binaries.broker()) as server:
                window = {"server": side, "pair": number, "start_ms": _first_record_ms(server)}
                if number == 0:
                    time.sleep(IDLE_SECONDS)
                    window["idle_mb"] = server.resident_bytes() / 1e6
            yield window


def sync_curve(stand: Stand):
    """Yields what the disk itself does with appends that are synced one by one."""
    for number in range(CURVE_ROUNDS):
        window = {"server": "disk", "pair": number}
        for size, name in ((4096, "4k"), (16_384, "16k"), (1 << 20, "1m")):
            times = sorted(synced_seconds(stand.work / "curve", size, CURVE_SECONDS))
            window[f"sync_{name}_us"] = times[len(times) // 2] * 1e6
            window[f"synced_{name}_mb_per_s"] = size * len(times) / sum(times) / 1e6
        yield window


def allocations(stand: Stand):
    """Yields the allocations of a request of many records, and of one with a single record."""
    for name, workload in (("many", PRODUCE_MANY), ("one", PRODUCE_ONE)):
        counts = stand.work / "allocation_counts"
        counts.unlink(missing_ok=True)
        with stand.binaries.broker(counts) as server:
            window = run_load(stand.binaries.load, server, [
                *workload.arguments(), "--allocation-counts", str(counts)], stand.options.seconds)
        yield {"server": "millrace", "pair": 0, "records": name,
               f"allocations_{name}": window["allocations_per_request"]}


def instruction_counts(stand: Stand):
    """Yields the user-space instructions of a produce request, the CRC of its KiB among them."""
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: no instruction counts")
        return
    binary = stand.options.build / "bin" / "millrace"
    try:
        few, many = (instructions.instructions(binary, requests, stand.work / "instructions")
                     for requests in (INSTRUCTION_REQUESTS, 2 * INSTRUCTION_REQUESTS))
    except SystemExit as error:
        raise ServerFailed(str(error)) from error
    yield {"server": "millrace", "pair": 0,
           "instructions_per_request": (many - few) / INSTRUCTION_REQUESTS}


def _count_syscalls(server: Server, action, output: pathlib.Path) -> int:
    """All threads' system calls while the action runs."""
    with subprocess.Popen(["strace", "-c", "-f", "-o", str(output), "-p", str(server.pid)],
                          stderr=subprocess.PIPE, text=True) as tracer:
        if "attached" not in tracer.stderr.readline():
            raise ServerFailed("strace cannot attach to a server")
        action()
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
    total = re.search(r"^100\.00\s+\S+\s+\S+\s+(\d+)\s", output.read_text(), re.MULTILINE)
    if total is None:
        raise ServerFailed(f"no total in {output}")
    return int(total.group(1))


def syscalls(stand: Stand):
    """Yields system calls for each MB and request, in windows of their own: tracing is slow."""
    if shutil.which("strace") is None:
        print("strace is not installed: no system calls")
        return
    for workload in (PRODUCE_MANY, PRODUCE_ONE):
        for side in ("millrace", "kafka") if stand.kafka else ("millrace",):
            with stand.server(side) as server, \
                    stand.topic(server, Topic(workload.partitions)) as topic:
                arguments = [*workload.arguments(), f"--topic={topic}", "--warmup=0"]
                done = {}
                calls = _count_syscalls(
                    server, lambda server=server, arguments=arguments, done=done: done.update(
                        run_load(stand.binaries.load, server, arguments, SYSCALL_SECONDS)),
                    stand.work / "strace")
            yield {"server": side, "pair": 0, "workload": workload.name,
                   f"syscalls_per_mb_{workload.name}": calls / (done["bytes"] / 1e6),
                   f"syscalls_per_request_{workload.name}": calls / done["requests"]}


FACTS = {"start": starts, "sync-curve": sync_curve, "allocations": allocations,
         "instructions": instruction_counts, "syscalls": syscalls}

# What it is, the row, the member, digits.
LINES = (
    ("start on an empty directory to the first acknowledged record, ms", "start", "start_ms", 1),
    ("memory, idle, MB", "start", "idle_mb", 1),
    ("allocations for a request of many records", "allocations", "allocations_many", 3),
    ("allocations for a request of one record", "allocations", "allocations_one", 3),
    ("user-space instructions for a request of one record of 1 KiB, its CRC among them",
     "instructions", "instructions_per_request", 0),
    ("system calls per MB, 100 KiB batches", "syscalls", "syscalls_per_mb_produce-100k", 1),
    ("system calls per request of one record", "syscalls",
     "syscalls_per_request_produce-1-record", 2),
    ("append and sync of 4 KiB, us", "sync-curve", "sync_4k_us", 0),
    ("append and sync of 16 KiB, us", "sync-curve", "sync_16k_us", 0),
    ("append and sync of 1 MiB, MB/s", "sync-curve", "synced_1m_mb_per_s", 0),
)

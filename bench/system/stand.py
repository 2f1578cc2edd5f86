"""Where matrix.py measures: the servers that a side of a row names, the programs that drive them,
and what is measured of the server meanwhile."""

import argparse
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import subprocess
import time

from kafka import Kafka, call_when_ready
from servers import Binaries, Server, ServerFailed, run_load, touch_memory

Window = dict
PROBE = ["produce", "--batch-bytes=102400", "--connections=4", "--partitions=4", "--in-flight=5",
         "--warmup=0.1"]
PROBE_SECONDS = 0.4
WARM_SECONDS = 20.0  # at most, for each of two loads
PROBE_LOG_BYTES = 256 << 20  # written over and over: the probe takes no new pages


def usage_of(pid: int) -> dict[str, float]:
    """What a process has taken so far."""
    directory = pathlib.Path(f"/proc/{pid}")
    fields = (directory / "stat").read_text().rpartition(")")[2].split()
    switches = 0
    for status in directory.glob("task/*/status"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            switches += sum(int(line.split()[1]) for line in status.read_text().splitlines()
                            if "voluntary_ctxt_switches" in line)
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return {"cpu_s": cpu, "switches": switches}


def finish(window: Window) -> Window:
    """Adds what follows from the rest of it."""
    megabytes = window["bytes"] / 1e6
    records = window.get("records") or window["requests"] * window.get("records_per_batch", 0)
    if "server_voluntary_switches" in window:
        window["switches"] = (window["server_voluntary_switches"]
                              + window["server_involuntary_switches"])
    if megabytes > 0:
        window["switches_per_mb"] = window["switches"] / megabytes
    if records > 0:
        window["records_per_s"] = records / window["seconds"]
        window["server_cpu_us_per_record"] = window["server_cpu_s"] * 1e6 / records
    return window


@dataclasses.dataclass(frozen=True)
class Topic:
    partitions: int = 1
    kafka_settings: dict[str, str] = dataclasses.field(default_factory=dict)


class Stand:
    """One run: Apache Kafka, warm, and a null broker as the probe, for as long as it lasts."""

    def __init__(self, options: argparse.Namespace, work: pathlib.Path):
        self.options = options
        self.work = work
        self.binaries = Binaries(options.build, work, options.set)
        self.rdkafka_load = options.build / "bin" / "rdkafka_load"
        self.kafka: Server | None = None
        self._numbers = itertools.count()
        self._probe: Server | None = None

    @contextlib.contextmanager
    def opened(self, with_kafka: bool):
        with contextlib.ExitStack() as stack:
            self._probe = stack.enter_context(
                self.binaries.null(log_bytes=PROBE_LOG_BYTES, name="probe"))
            self.probe()  # the first pass over its log takes pages
            if with_kafka:
                self.kafka = stack.enter_context(Kafka(self.work / "kafka"))
                call_when_ready(self.kafka, lambda caller: caller.create_topics(["first"], 1))
            yield self

    def warm_kafka(self) -> None:
        """What its compiler needs to have seen before it settles: 1.5 GB, large and small."""
        if self.kafka is None:
            return
        for batch_bytes, total in ((102_400, 1_000_000_000), (16_384, 500_000_000)):
            with self.topic(self.kafka, Topic(4)) as name:
                self.load(self.kafka, ["produce", f"--batch-bytes={batch_bytes}",
                                       "--partitions=4", f"--topic={name}",
                                       f"--stop-after-bytes={total}"], WARM_SECONDS)

    def probe(self) -> float:
        """MB/s of the null broker, now."""
        return run_load(self.binaries.load, self._probe, PROBE, PROBE_SECONDS)["mb_per_s"]

    def server(self, side: str, fetch_bytes: int = 0):
        """A context manager: a fresh server, or Apache Kafka as it runs."""
        if side.startswith("kafka"):
            return contextlib.nullcontext(self.kafka)
        if side == "null":
            return self.binaries.null(fetch_bytes)
        if side == "relay":
            return self.binaries.relay()
        return self.binaries.broker()

    @contextlib.contextmanager
    def topic(self, server: Server, topic: Topic):
        """The name of a new topic, which goes afterwards where the server stays."""
        name = f"bench-{next(self._numbers)}"
        if server.name in ("null", "relay"):
            yield name
            return
        call_when_ready(server, lambda caller: caller.create_topics(
            [name], topic.partitions, topic.kafka_settings if server is self.kafka else {}))
        yield name
        if server is self.kafka:
            call_when_ready(server, lambda caller: caller.delete_topic(name))

    def load(self, server: Server, arguments: list[str], seconds: float | None = None) -> Window:
        """A window of millrace_load."""
        if arguments[0] == "produce":
            self.touch_memory()
        window = run_load(self.binaries.load, server, arguments,
                          self.options.seconds if seconds is None else seconds)
        return finish(window | {"peak_mb": server.peak_bytes() / 1e6})

    def touch_memory(self) -> None:
        """For a window that is about to write."""
        touch_memory(self.options.touch_gb)

    def produce(self, side: str, arguments: list[str], topic: Topic) -> Window:
        """A window of produce requests, of a server and a topic of its own."""
        with self.server(side) as server, self.topic(server, topic) as name:
            return self.load(server, [*arguments, f"--topic={name}"])

    def drive(self, server: Server, command: list) -> Window:
        """A window of a client that is not ours: it prints `begin`, `end`, and a line of JSON."""
        with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as client:
            samples = {}
            result = None
            for line in client.stdout:
                if line.strip() in ("begin", "end"):
                    samples[line.strip()] = usage_of(server.pid)
                elif line.startswith("{"):
                    result = json.loads(line)
            complaint = client.stderr.read()
        if client.returncode != 0 or result is None or len(samples) != 2:
            raise ServerFailed(f"{' '.join(map(str, command))}\n{complaint[-2000:]}\n"
                               f"{server.name} said:\n{server.output()}")
        return self.with_usage(server, result, samples["begin"], samples["end"])

    @staticmethod
    def with_usage(server: Server, result: Window, before: dict, after: dict) -> Window:
        cpu = after["cpu_s"] - before["cpu_s"]
        megabytes = result["bytes"] / 1e6
        return finish(result | {
            "mb_per_s": megabytes / result["seconds"], "server_cpu_s": cpu,
            "requests": result.get("requests", 0),
            "server_cpu_s_per_gb": cpu / megabytes * 1e3 if megabytes else 0.0,
            "switches": after["switches"] - before["switches"],
            "peak_mb": server.peak_bytes() / 1e6})


class Rounds:
    """Windows of a row's sides in turn, with the probe before and after each round."""

    def __init__(self, stand: Stand, keep, deadline: float):
        self._stand = stand
        self._keep = keep
        self._deadline = deadline  # of time.monotonic(); past it a row gets one round

    def run(self, row, sides: tuple[str, ...], rounds: int) -> None:
        with row.opened(self._stand) as measure:
            before = self._stand.probe()
            for number in range(rounds):
                order = sides if number % 2 == 0 else sides[::-1]
                measured = [(side, measure(side)) for side in order]
                after = self._stand.probe()
                labels = {"row": row.name, "pair": number, "probe_before": before,
                          "probe_after": after,
                          "probe_moved": max(before, after) / min(before, after) - 1}
                for side, window in measured:
                    self._keep(window | labels | {"server": side})
                before = after
                if time.monotonic() > self._deadline:
                    return


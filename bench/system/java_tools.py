"""Rows of matrix.py's full form that Kafka's own tools drive, and what they print as windows. The
cost of the broker is that of the tool's whole run, its start with it."""

import contextlib
import functools
import re
import subprocess

from matrix_setup import LIBRARIES
from servers import Server, ServerFailed
from stand import Stand, Topic, Window, usage_of

PACKAGE = "org.apache.kafka.tools"
RECORD_BYTES = 1024
RECORDS = 500_000
ROUND_TRIPS = 10_000
MIB = 1 << 20


def run_tool(stand: Stand, server: Server, tool: str, arguments: list, parse) -> Window:
    """`parse` makes of the output the members `seconds`, `records`, and what else there is."""
    before = usage_of(server.pid)
    done = subprocess.run(["java", "-Xmx1g", "-cp", LIBRARIES, f"{PACKAGE}.{tool}",
                           *map(str, arguments)], capture_output=True, text=True, check=False)
    parsed = parse(done.stdout) if done.returncode == 0 else None
    if parsed is None:
        raise ServerFailed(f"{tool}: {(done.stdout + done.stderr)[-2000:]}")
    parsed["bytes"] = parsed["records"] * RECORD_BYTES
    return stand.with_usage(server, parsed, before, usage_of(server.pid))


def parse_producer(output: str) -> Window | None:
    """Of its last line, which is about the whole run."""
    found = re.findall(r"(\d+) records sent, ([\d.]+) records/sec .* (\d+) ms 50th, "
                       r"(\d+) ms 95th, (\d+) ms 99th", output)
    if not found:
        return None
    records, rate, middle, _, most = found[-1]
    return {"records": int(records), "seconds": int(records) / float(rate),
            "p50_us": int(middle) * 1000, "p99_us": int(most) * 1000}


def parse_consumer(output: str) -> Window | None:
    """Its time without the join of the group."""
    lines = [line.split(",") for line in output.splitlines() if line.count(",") == 9]
    if not lines:
        return None
    _, _, megabytes, _, records, _, _, _, fetched_per_s, _ = (cell.strip() for cell in lines[-1])
    return {"records": int(records), "seconds": float(megabytes) / float(fetched_per_s)}


def parse_end_to_end(output: str) -> Window | None:
    """Whole milliseconds, but for the average."""
    average = re.search(r"Avg latency: ([\d.]+) ms", output)
    parts = re.search(r"50th = (\d+), 99th = (\d+), 99.9th = (\d+)", output)
    if average is None or parts is None:
        return None
    milliseconds = float(average.group(1))
    return {"records": ROUND_TRIPS, "seconds": ROUND_TRIPS * milliseconds / 1000,
            "average_us": milliseconds * 1000, "p50_us": int(parts.group(1)) * 1000,
            "p99_us": int(parts.group(2)) * 1000}


def produce(stand: Stand, server: Server, topic: str) -> Window:
    return run_tool(stand, server, "ProducerPerformance", [
        "--topic", topic, "--num-records", RECORDS, "--record-size", RECORD_BYTES,
        "--throughput", -1, "--bootstrap-server", f"127.0.0.1:{server.port}"], parse_producer)


def consume(stand: Stand, server: Server, topic: str) -> Window:
    return run_tool(stand, server, "ConsumerPerformance", [
        "--topic", topic, "--num-records", RECORDS, "--hide-header",
        "--bootstrap-server", f"127.0.0.1:{server.port}"], parse_consumer)


def round_trips(stand: Stand, server: Server, topic: str, acks: str) -> Window:
    return run_tool(stand, server, "EndToEndLatency", [
        f"127.0.0.1:{server.port}", topic, ROUND_TRIPS, acks, RECORD_BYTES], parse_end_to_end)


def fresh(action):
    """On a topic of its own for each window."""
    @contextlib.contextmanager
    def opened(stand: Stand):
        def measure(side: str) -> Window:
            with stand.server(side) as server, stand.topic(server, Topic()) as topic:
                return action(stand, server, topic)

        yield measure

    return opened


def consumed(stand: Stand, server: Server, topic: str) -> Window:
    """What the producer has written just before."""
    produce(stand, server, topic)
    return consume(stand, server, topic)


TOOLS = {"tool-producer-performance": fresh(produce),
         "tool-consumer-performance": fresh(consumed),
         "tool-end-to-end-acks-1": fresh(functools.partial(round_trips, acks="1")),
         "tool-end-to-end-acks-all": fresh(functools.partial(round_trips, acks="all"))}

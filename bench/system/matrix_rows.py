"""The rows of matrix.py: what is sent, to which servers, in the order of the goals."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable

from java_tools import TOOLS
from matrix_setup import CLASS_PATH
from run import FETCH_BYTES, PRODUCE_MANY, PRODUCE_ONE, Produce, fetch_arguments
from stand import Stand, Topic, Window
from wire_calls import Caller, record_batch

Measure = Callable[[str], Window]


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    sides: tuple[str, ...]
    opened: Callable[[Stand], contextlib.AbstractContextManager[Measure]]
    rate: str = "mb_per_s"
    needs: str = ""  # a client that a machine may not have


def produce_row(workload: Produce, sides: tuple[str, ...],
                kafka_settings: dict[str, str] | None = None) -> Row:
    """A fresh topic for each window, and a fresh server where that costs no warm-up."""
    topic = Topic(workload.partitions, kafka_settings or {})

    def opened(stand: Stand):
        return contextlib.nullcontext(
            lambda side: stand.produce(side, workload.arguments(), topic))

    rate = "requests_per_s" if workload.in_requests else "mb_per_s"
    return Row(workload.name, sides, opened, rate)


def fetch_row(name: str) -> Row:
    """From servers that hold the records and stay for the row."""
    @contextlib.contextmanager
    def opened(stand: Stand):
        fill = dataclasses.replace(PRODUCE_MANY, stop_after_bytes=FETCH_BYTES).arguments()
        with contextlib.ExitStack() as stack:
            loads = {}
            for side in ALL if stand.kafka else ALL[:-1]:
                server = stack.enter_context(stand.server(side, FETCH_BYTES))
                topic = stack.enter_context(stand.topic(server, Topic(PRODUCE_MANY.partitions)))
                if side != "null":
                    filled = stand.load(server, [*fill, f"--topic={topic}"], FILL_SECONDS)
                loads[side] = server, topic
            arguments = fetch_arguments(name, filled)

            def measure(side: str) -> Window:
                server, topic = loads["kafka" if side == "kafka-again" else side]
                return stand.load(server, [*arguments, f"--topic={topic}"])

            yield measure

    return Row(name, ALL, opened)


@contextlib.contextmanager
def consumers_opened(stand: Stand):
    """One topic, and one consumer of all of it or ten."""
    fill = dataclasses.replace(PRODUCE_MANY, stop_after_bytes=FETCH_BYTES, partitions=1)
    with stand.server("millrace") as server, stand.topic(server, Topic()) as topic:
        filled = stand.load(server, [*fill.arguments(), f"--topic={topic}"], FILL_SECONDS)
        counts = {"one": 1, "ten": 10}
        yield lambda side: stand.load(server, [
            *fetch_arguments("fetch-1m", filled, 1, counts[side]), f"--topic={topic}"])


@contextlib.contextmanager
def partitions_opened(stand: Stand):
    """Batches of 1 KiB to one partition, and in turn to 10,000 that have records already."""
    common = ["produce", "--batch-bytes=0", "--record-bytes=1024", "--connections=4",
              "--in-flight=5"]
    with stand.server("millrace") as server, stand.topic(server, Topic()) as one, \
            stand.topic(server, Topic(MANY_PARTITIONS)) as many:
        sides = {"one-partition": [f"--topic={one}"],
                 "10,000-partitions": [f"--topic={many}", f"--partitions={MANY_PARTITIONS}",
                                       "--round-robin"]}
        batch = record_batch(b"x" * 1024)
        with Caller(server.port) as caller:
            for first in range(0, MANY_PARTITIONS, 500):
                caller.produce([many], range(first, first + 500), batch)
        yield lambda side: stand.load(server, [*common, *sides[side]])


def defaults_row(client: str, producers: int) -> Row:
    """The client's defaults and the broker's: acks=all, ours synced and Kafka's not."""
    def measure(stand: Stand, side: str) -> Window:
        with stand.server(side) as server, stand.topic(server, Topic()) as topic:
            stand.touch_memory()
            return stand.drive(server, CLIENTS[client](stand, server.port, topic, producers))

    return Row(f"defaults-{client}-{producers}", BESIDE,
               lambda stand: contextlib.nullcontext(functools.partial(measure, stand)),
               needs=client)


def librdkafka_producers(stand: Stand, port: int, topic: str, producers: int) -> list:
    return [stand.rdkafka_load, "produce", "--bootstrap", f"127.0.0.1:{port}", "--topic", topic,
            "--producers", producers, "--seconds", stand.options.seconds]


def java_producers(stand: Stand, port: int, topic: str, producers: int) -> list:
    return ["java", "-Xmx1g", "-cp", CLASS_PATH, "DefaultProducers", f"127.0.0.1:{port}", topic,
            producers, 1024, JAVA_WARMUP_SECONDS, stand.options.seconds]


CLIENTS = {"librdkafka": librdkafka_producers, "java": java_producers}


def end_to_end_row(rate: int, acks: str) -> Row:
    """From a producer to a consumer that waits, librdkafka on both ends."""
    def measure(stand: Stand, side: str) -> Window:
        with stand.server(side) as server, stand.topic(server, Topic()) as topic:
            return stand.drive(server, [
                stand.rdkafka_load, "latency", "--bootstrap", f"127.0.0.1:{server.port}",
                "--topic", topic, "--rate", rate, "--acks", acks,
                "--seconds", stand.options.seconds])

    return Row(f"end-to-end-{rate}-acks-{acks}", ("relay", "millrace", "kafka"),
               lambda stand: contextlib.nullcontext(functools.partial(measure, stand)),
               needs="librdkafka")


ALL = ("null", "millrace", "kafka")
BESIDE = ("millrace", "kafka")
FILL_SECONDS = 60.0  # it ends with its bytes
MANY_PARTITIONS = 10_000
JAVA_WARMUP_SECONDS = 2.5
DURABLE = Produce("durable-64", 16_384, connections=64, in_flight=1, partitions=1, acks=-1)

ROWS = (
    produce_row(PRODUCE_MANY, ALL),
    produce_row(Produce("produce-1m", 1_000_000), ALL[:-1]),
    produce_row(Produce("produce-16k", 16_384), ALL),
    produce_row(Produce("produce-1m-of-1k", 1_000_000, record_bytes=1024), BESIDE),
    produce_row(PRODUCE_ONE, ALL),
    fetch_row("fetch-1m"),
    Row("consumers", ("one", "ten"), consumers_opened),
    produce_row(DURABLE, BESIDE, {"flush.messages": "1"}),
    *(defaults_row(client, producers) for client in CLIENTS for producers in (1, 64)),
    *(end_to_end_row(rate, acks) for acks in ("1", "all") for rate in (1000, 10_000)),
    Row("partitions", ("one-partition", "10,000-partitions"), partitions_opened,
        rate="requests_per_s"),
)
# The rest of the matrix, for the full form.
MORE_ROWS = (
    fetch_row("fetch-100k"),
    produce_row(Produce("produce-1-in-flight", 0, connections=1, in_flight=1, partitions=1,
                        record_bytes=1024, in_requests=True), ALL),
    produce_row(Produce("produce-100k-1-producer", 102_400, connections=1, partitions=1), ALL),
    produce_row(Produce("produce-100k-8-producers", 102_400, connections=8, partitions=8), ALL),
    produce_row(Produce("produce-100k-16-partitions", 102_400, connections=16, partitions=16), ALL),
    produce_row(Produce("produce-16k-256-partitions", 16_384, connections=256, partitions=256,
                        in_flight=1), ALL),
    produce_row(Produce("produce-100k-acks-all", 102_400, acks=-1), BESIDE,
                {"flush.messages": "1"}),
    produce_row(Produce("durable-1", 16_384, connections=1, in_flight=1, partitions=1, acks=-1),
                BESIDE, {"flush.messages": "1"}),
    *(Row(name, BESIDE, opened, needs="kafka") for name, opened in TOOLS.items()),
)

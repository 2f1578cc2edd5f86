"""Apache Kafka as a server of the benchmarks: one KRaft node with a heap of 1 GiB and the flags of
its own start script, on the same disk as the others."""

import pathlib
import time

import matrix_setup  # pylint: disable=unused-import
import support  # matrix_setup has shown the way to it
from servers import Server, ServerFailed, START_DEADLINE_S
from wire_calls import Caller

VERSION = "4.3.0"
HEAP = ("-Xms1g", "-Xmx1g")
SETTINGS = {"log.segment.delete.delay.ms": "100"}  # a window's files go when it is over


class _Node(support.KafkaBroker):
    java_options = (*HEAP, "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
                    "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent",
                    "-Djava.awt.headless=true")


class Kafka(Server):
    """On a fresh directory, which is formatted before the process starts and its time counts."""

    def __init__(self, directory: pathlib.Path):
        self._node = _Node(str(directory), SETTINGS)
        super().__init__("kafka", [], directory, self._node.port, {})

    def start(self) -> None:
        if not self._command:
            self._command = self._node.command()
        super().start()


def call_when_ready(server: Server, action) -> None:
    """Again until the broker does it: Kafka listens before it serves."""
    deadline = time.monotonic() + START_DEADLINE_S
    while True:
        try:
            with Caller(server.port) as caller:
                return action(caller)
        except (OSError, RuntimeError) as error:
            if time.monotonic() > deadline:
                raise ServerFailed(f"{server.name}: {error}\n{server.output()}") from error
        time.sleep(0.002)

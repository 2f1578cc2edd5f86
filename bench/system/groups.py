#!/usr/bin/env python3
"""What a rebalance of a large group costs the broker, beside Apache Kafka's.

    bench/system/groups.py [--members 100] [--partitions 1000] [--rounds 20] [--kafka]
    bench/system/groups.py --protocol consumer ...

All members are connections of this program, which does nothing between an answer and its next
request. In each round the last member leaves and comes back. Measured is from its JoinGroup, which
all others repeat, as they would after their next heartbeat, to the last answer to a SyncGroup: the
time, the broker's CPU, and the bytes on the wire. The first rounds warm up and do not count.
With --protocol consumer the broker shares out (KIP-848): measured is from the last member's first
heartbeat until every member has its share, with heartbeats of all members one after the other, each
at once after the last answer. Real members wait for their heartbeat interval in between: the rounds
of heartbeats that it takes are counted, too.
--kafka takes the jars that tests/interop/setup.py has fetched. Appends to build/bench/groups.jsonl.
"""

import argparse
import contextlib
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import uuid

import report
from wire_calls import Caller, text
from workbench import ROOT, Workbench, parser_of

GROUP = "bench"
TOPIC = "work"
PROTOCOL = "range"
JOIN, LEAVE, SYNC, FIND_COORDINATOR = (11, 4), (13, 2), (14, 2), (10, 0)
HEARTBEAT, CONSUMER_HEARTBEAT = (12, 0), (68, 1)
UNKNOWN_MEMBER_ID = 25
SESSION_MS, REBALANCE_MS = 300_000, 60_000
REBALANCE_IN_PROGRESS, MEMBER_ID_REQUIRED = 27, 79
START_DEADLINE_S = 120


def in_bytes(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


def subscription() -> bytes:
    return struct.pack(">hi", 0, 1) + text(TOPIC) + struct.pack(">i", -1)


def assignment(partitions: range) -> bytes:
    return (struct.pack(">hi", 0, 1) + text(TOPIC) + struct.pack(">i", len(partitions))
            + b"".join(struct.pack(">i", index) for index in partitions) + struct.pack(">i", -1))


def text_at(answer: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from(">h", answer, at)
    return answer[at + 2:at + 2 + size].decode(), at + 2 + size


def require(error: int, what: str) -> None:
    if error != 0:
        raise RuntimeError(f"{what}: error {error}")


class Member(Caller):
    def __init__(self, port: int):
        super().__init__(port)
        self.member_id = ""
        self.generation = -1
        self.leads = False

    def ask_to_join(self) -> None:
        self.send(*JOIN, text(GROUP) + struct.pack(">ii", SESSION_MS, REBALANCE_MS)
                  + text(self.member_id) + text("consumer") + struct.pack(">i", 1) + text(PROTOCOL)
                  + in_bytes(subscription()))

    def hear_of_join(self) -> int:
        answer = self.receive()
        error, self.generation = struct.unpack_from(">hi", answer, 4)
        _, at = text_at(answer, 10)
        leader, at = text_at(answer, at)
        self.member_id, _ = text_at(answer, at)
        self.leads = leader == self.member_id
        return error

    def come_back(self) -> None:
        """With an id and nothing else."""
        self.member_id = ""
        self.ask_to_join()
        if (error := self.hear_of_join()) != MEMBER_ID_REQUIRED:
            raise RuntimeError(f"a first JoinGroup got error {error}")

    def hears_of_rebalance(self) -> bool:
        self.send(*HEARTBEAT, text(GROUP) + struct.pack(">i", self.generation)
                  + text(self.member_id))
        return struct.unpack_from(">h", self.receive(), 0)[0] == REBALANCE_IN_PROGRESS

    def ask_for_assignment(self, shares: bytes) -> None:
        self.send(*SYNC, text(GROUP) + struct.pack(">i", self.generation) + text(self.member_id)
                  + (shares if self.leads else struct.pack(">i", 0)))

    def hear_of_assignment(self) -> None:
        answer = self.receive()
        (error,) = struct.unpack_from(">h", answer, 4)
        require(error, "SyncGroup")
        if len(answer) <= 10:
            raise RuntimeError("a member got no partitions")

    def leave(self) -> None:
        self.send(*LEAVE, text(GROUP) + text(self.member_id))
        (error,) = struct.unpack_from(">h", self.receive(), 4)
        require(error, "LeaveGroup")


def short_text(value: str | None) -> bytes:
    """A string of the flexible versions."""
    return b"\0" if value is None else bytes([len(value) + 1]) + value.encode()


class ConsumerMember(Caller):
    """Of a group whose members the broker gives their partitions."""

    def __init__(self, port: int):
        super().__init__(port)
        self.come_back()

    def come_back(self) -> None:
        self.member_id = str(uuid.uuid4())
        self.epoch = 0
        self.owned = b"\1"  # as on the wire: no topics
        self.count = 0
        self._must_tell = True

    def beat(self) -> None:
        is_new = self.epoch == 0
        self.send(*CONSUMER_HEARTBEAT, b"\0" + short_text(GROUP) + short_text(self.member_id)
                  + struct.pack(">i", self.epoch) + short_text(None) + short_text(None)
                  + struct.pack(">i", REBALANCE_MS if is_new else -1)
                  + (b"\2" + short_text(TOPIC) if is_new else b"\0")
                  + short_text(None) + short_text(None)
                  + (self.owned if self._must_tell else b"\0") + b"\0")
        self._must_tell = False

    def hear(self) -> None:
        answer = self.receive()
        (error,) = struct.unpack_from(">h", answer, 5)
        require(error, "ConsumerGroupHeartbeat")
        at = 7 + max(answer[7], 1)
        at += max(answer[at], 1)
        self.epoch, _ = struct.unpack_from(">ii", answer, at)
        if answer[at + 8] != 1:
            return
        self._take(answer[at + 9:-2])

    def _take(self, topics: bytes) -> None:
        if topics == self.owned:
            return
        self.owned = topics
        self._must_tell = True
        self.count = 0
        if topics[0] > 1:
            size, shift, at = 0, 0, 17
            while True:
                size |= (topics[at] & 0x7F) << shift
                shift, at = shift + 7, at + 1
                if topics[at - 1] < 0x80:
                    break
            self.count = size - 1

    def leave(self) -> None:
        self.epoch = -1
        self.beat()
        self.hear()


def cpu_seconds(pid: int) -> float:
    """Of all threads, to the nanosecond."""
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def wait_for_coordinator(port: int) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while True:
        with contextlib.suppress(OSError), Caller(port) as caller:
            caller.send(*FIND_COORDINATOR, text(GROUP))
            is_found = struct.unpack_from(">h", caller.receive(), 0)[0] == 0
            caller.send(*HEARTBEAT, text(GROUP) + struct.pack(">i", 0) + text("nobody"))
            if is_found and struct.unpack_from(">h", caller.receive(), 0)[0] == UNKNOWN_MEMBER_ID:
                return
        if time.monotonic() > deadline:
            raise RuntimeError("there is no coordinator")
        time.sleep(0.1)


class Rebalances:
    """Rounds in which the last member leaves and comes back."""

    member_kind: type[Caller]

    def __init__(self, options: argparse.Namespace, port: int, pid: int):
        self._options = options
        self._pid = pid
        wait_for_coordinator(port)
        with Caller(port) as caller:
            caller.create_topics([TOPIC], options.partitions)
        self._members = [self.member_kind(port) for _ in range(options.members)]

    def _settle(self, members: list) -> dict[str, float]:
        """Until all have their share; what else there is to say of it."""
        raise NotImplementedError

    def _bytes(self) -> int:
        return sum(member.bytes_moved for member in self._members)

    def run(self) -> list[dict[str, float]]:
        for member in self._members:
            member.come_back()
        self._settle(self._members)
        results = []
        for _ in range(self._options.warmup + self._options.rounds):
            last = self._members[-1]
            last.leave()
            self._settle(self._members[:-1])
            last.come_back()
            cpu, moved, began = cpu_seconds(self._pid), self._bytes(), time.monotonic()
            own = time.process_time()
            more = self._settle(self._members)
            results.append({"wall_ms": (time.monotonic() - began) * 1e3,
                            "client_ms": (time.process_time() - own) * 1e3,
                            "cpu_ms": (cpu_seconds(self._pid) - cpu) * 1e3,
                            "kib": (self._bytes() - moved) / 1024, **more})
        return results[self._options.warmup:]


class ClassicRebalances(Rebalances):
    member_kind = Member

    def _shares(self) -> bytes:
        count = len(self._members)
        share = self._options.partitions // count
        return struct.pack(">i", count) + b"".join(
            text(member.member_id) + in_bytes(assignment(range(i * share, (i + 1) * share)))
            for i, member in enumerate(self._members))

    def _settle(self, members: list[Member]) -> dict[str, float]:
        *others, last = members
        last.ask_to_join()
        # Whoever joins again before the group knows of it is told that nothing is new.
        while others[0].generation >= 0 and not others[0].hears_of_rebalance():
            pass
        for member in reversed(others):
            member.ask_to_join()
        for member in members:
            require(member.hear_of_join(), "JoinGroup")
        shares = self._shares()
        for member in members:
            member.ask_for_assignment(shares)
        for member in members:
            member.hear_of_assignment()
        return {}


class ConsumerRebalances(Rebalances):
    member_kind = ConsumerMember

    def _settle(self, members: list[ConsumerMember]) -> dict[str, float]:
        rounds = 0
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            rounds += 1
            for member in members:
                member.beat()
            for member in members:
                member.hear()
            counts = [member.count for member in members]
            if sum(counts) == self._options.partitions and max(counts) - min(counts) <= 1:
                return {"rounds": rounds}
            if time.monotonic() > deadline:
                raise RuntimeError(f"not settled: {sum(counts)} partitions are given out")


def settings_of(options: argparse.Namespace) -> dict[str, str]:
    """A target for every member that comes, as the classic protocol has it."""
    if options.protocol == "classic":
        return {}
    return {"group.consumer.assignment.interval.ms": "0"}


def measure(options: argparse.Namespace, port: int, pid: int) -> list[dict[str, float]]:
    kind = ConsumerRebalances if options.protocol == "consumer" else ClassicRebalances
    return kind(options, port, pid).run()


def of_kafka(options: argparse.Namespace) -> list[dict[str, float]]:
    sys.path.insert(0, str(ROOT / "tests" / "interop"))
    import support  # pylint: disable=import-error,import-outside-toplevel
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        kafka = support.KafkaBroker(folder, settings_of(options))
        with open(pathlib.Path(folder) / "kafka.out", "wb") as output, subprocess.Popen(
                kafka.command(), stdout=output, stderr=subprocess.STDOUT) as process:
            try:
                return measure(options, kafka.port, process.pid)
            finally:
                process.kill()


def row(name: str, results: list[dict[str, float]]) -> tuple[str, ...]:
    def cell(member: str) -> str:
        values = [result[member] for result in results]
        return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"

    cells = (name, cell("wall_ms"), cell("client_ms"), cell("cpu_ms"), cell("kib"))
    return (*cells, cell("rounds")) if "rounds" in results[0] else cells


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--partitions", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--protocol", choices=("classic", "consumer"), default="classic")
    parser.add_argument("--kafka", action="store_true", help="Apache Kafka, too")
    options = parser.parse_args()
    options.set = [*options.set, *(f"{name}={value}"
                                   for name, value in settings_of(options).items())]
    bench = Workbench(options)
    with bench.binaries.broker(name="groups") as server:
        results = {"Millrace": measure(options, server.port, server.pid)}
    if options.kafka:
        results["Apache Kafka"] = of_kafka(options)
    bench.keep("groups", {"protocol": options.protocol, "members": options.members,
                          "partitions": options.partitions, "results": results})
    print(f"{options.members} members, {options.partitions} partitions, {options.rounds} rounds\n")
    names = ("", "last join to stable, ms", "of it the client's CPU, ms", "broker CPU, ms", "KiB")
    if options.protocol == "consumer":
        names = (*names, "rounds of heartbeats")
    print(report.markdown_table(
        names,
        [row(name, measured) for name, measured in results.items()]))


if __name__ == "__main__":
    main()

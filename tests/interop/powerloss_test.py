"""Power losses under the release binary: what was acknowledged or seen stays (decisions/0003).

The broker's disk is power_disk.py's; producers and consumers live on through every loss. Needs root
and a loop device.
"""

import glob
import itertools
import os
import random
import signal
import threading
import time

import power_clients
import power_disk
import power_history
import support
import wire
from clients import Confluent

SEED = int(os.environ.get("MILLRACE_POWER_SEED", random.SystemRandom().randrange(1 << 32)))
CYCLES = int(os.environ.get("MILLRACE_POWER_CYCLES", "100"))
FRESH_CYCLES = max(CYCLES // 4, 1)
CACHED_CYCLES_MAX = 10
# Rolls often, and seldom.
TOPICS = {"rolls": (3, {"segment_bytes": 1 << 20, "index_interval_bytes": 512}), "long": (1, {})}
PLACES = [(topic, p) for topic, (partitions, _) in TOPICS.items() for p in range(partitions)]
ACKED_PER_CYCLE_MAX = 800
WRITER_LIFE_CYCLES = 7
STILL_STATES = {"T", "D", "Z"}
BUSY_STATES = {"01", "08"}  # ESTABLISHED, CLOSE_WAIT


def connections_to(port):
    """Connections to the port which their owner has not yet seen end."""
    count = 0
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            count += int(fields[2].split(":")[1], 16) == port and fields[3] in BUSY_STATES
    return count


def freeze(pid):
    """Returns when no thread of the process does anything any more but wait for its disk."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 60
    while not set(thread_states(pid)) <= STILL_STATES:
        if time.monotonic() > deadline:
            raise AssertionError(f"{pid} does not stop: {thread_states(pid)}")


def thread_states(pid):
    """As /proc names them; a thread that waits for its disk stops when it has it."""
    states = []
    for task in glob.glob(f"/proc/{pid}/task/*/stat"):
        try:
            with open(task, encoding="utf-8", errors="replace") as file:
                states.append(file.read().rsplit(")", 1)[1].split()[0])
        except OSError:
            pass  # The thread has just ended.
    return states


class PowerLossTest(support.BrokerTest):
    def setUp(self):
        super().setUp()
        support.require_confluent()
        print(f"seed {SEED} (MILLRACE_POWER_SEED repeats it)", flush=True)
        self.random = random.Random(SEED)
        self.disk = power_disk.PowerDisk(self.folder)
        self.addCleanup(self.disk.close)
        self.history = power_history.History()
        self.downtimes = []

    def make_broker(self, name="data", **settings):
        broker = support.Broker(self.folder, settings)
        broker.data_dir = os.path.join(self.disk.path, name)
        self.addCleanup(broker.close)
        return broker

    def pause(self, seconds_max):
        """Lets a random time pass: this is when the power fails, and waits for nothing."""
        time.sleep(self.random.uniform(0, seconds_max))

    def lose_power(self, broker):
        # Nothing leaves the process after the cut: a sync that is under way then may report success
        # for what is lost, which is the kernel's doing (one in 240 with a bare file).
        freeze(broker.process.pid)
        self.disk.cut()
        broker.kill9()
        self.disk.restore()

    def start_clients(self, broker, settings):
        broker.start()
        for topic, (partitions, configs) in TOPICS.items():
            wire.create_topic(broker, topic, partitions, **configs, **settings)
        clients = power_clients.Clients(broker, PLACES, self.history, self.random)
        clients.start()
        return clients

    def end_generation(self, broker, clients, replace_writer):
        self.lose_power(broker)
        support.wait_until(lambda: connections_to(broker.port) == 0, "closed connections")
        clients.end_generation(replace_writer)

    def cycle(self, broker, clients, number):
        """From a broker that serves to the next one that does."""
        kind = self.random.random()
        if kind < 0.7:
            more = self.random.randrange(1, ACKED_PER_CYCLE_MAX)
            clients.wait_acked(self.history.acked_count + more)
        self.pause(0.02 if kind < 0.9 else 0.2)
        begun = time.monotonic()
        self.end_generation(broker, clients, number % WRITER_LIFE_CYCLES == 0)
        while self.random.random() < 0.15:
            broker.launch()
            self.pause(0.03)
            # A client may have been quick enough.
            self.end_generation(broker, clients, False)
        broker.start()
        self.downtimes.append(time.monotonic() - begun)

    def read_all(self, broker):
        for topic in TOPICS:
            for record in Confluent.consume(broker, topic):
                yield (topic, record.partition), record.offset, record.value

    def report(self, cycles, begun, committer):
        downtime = sorted(self.downtimes)[len(self.downtimes) // 2]
        print(f"{cycles} cycles in {time.monotonic() - begun:.1f} s, half of them down for less "
              f"than {downtime * 1000:.0f} ms; {self.history.acked_count} records acknowledged, "
              f"{self.history.checked_count} of them read again, {committer.count} commits",
              flush=True)

    def test_what_was_acknowledged_or_seen_survives(self):
        begun = time.monotonic()
        broker = self.make_broker()
        clients = self.start_clients(broker, {})
        committer = power_clients.Committer(broker, clients.reader)
        committer.start()
        for number in range(1, CYCLES + 1):
            self.cycle(broker, clients, number)
            self.assertEqual(self.history.problems + committer.problems, [], f"cycle {number}")
        clients.wait_acked(self.history.acked_count + 1)
        clients.finish()
        # And once more with nobody writing.
        self.lose_power(broker)
        self.history.generation += 1
        broker.start()
        committer.finish()
        self.history.check_end(self.read_all(broker))
        self.report(CYCLES, begun, committer)
        self.assertEqual(self.history.problems + committer.problems, [])
        self.assertEqual(self.history.checked_count, self.history.acked_count)

    def test_what_is_only_cached_is_lost(self):
        """The test sees a loss where there is one."""
        broker = self.make_broker()
        clients = self.start_clients(broker, {"write_caching": "true"})
        for number in range(1, CACHED_CYCLES_MAX + 1):
            self.cycle(broker, clients, number)
            if self.history.problems:
                break
        print(f"write.caching=true: after {number} cycles {self.history.problems[:3]}", flush=True)
        self.assertNotEqual(self.history.problems, [])

    @staticmethod
    def create_topics(broker, created):
        """Until the broker dies: topics with a record each, and what of it was acknowledged."""
        try:
            for number in itertools.count():
                wire.create_topic(broker, f"t{number}", 4)
                created[f"t{number}"] = False
                with wire.Connection(broker) as connection:
                    records = wire.batch([f"t{number}".encode()])
                    answer = wire.produce(connection, f"t{number}", records, acks=-1)
                created[f"t{number}"] = answer == (0, 0)
        except (OSError, TypeError):
            pass  # The broker is gone, and no answer came.

    def test_the_power_goes_in_the_first_moments(self):
        topics = 0
        for number in range(FRESH_CYCLES):
            broker = self.make_broker(f"fresh{number}")
            created = {}
            broker.launch()
            if self.random.random() < 0.5:
                self.pause(0.03)
                self.lose_power(broker)
            else:
                support.wait_until(broker.accepts, "the first start")
                creator = threading.Thread(target=self.create_topics, args=(broker, created))
                creator.start()
                count = self.random.randrange(4)
                support.wait_until(lambda: len(created) >= count, f"{count} topics")
                self.pause(0.02)
                self.lose_power(broker)
                creator.join()
            broker.start()
            self.check_topics(broker, created)
            wire.create_topic(broker, "afterwards", 1)
            self.assertEqual(broker.stop(), 0, broker.output())
            topics += len(created)
        print(f"{FRESH_CYCLES} fresh directories, {topics} topics", flush=True)

    def check_topics(self, broker, created):
        for topic, has_record in created.items():
            with wire.Connection(broker) as connection:
                answer = wire.produce(connection, topic, wire.batch([b"again"]), acks=-1)
            self.assertEqual(answer[0], 0, topic)
            self.assertGreaterEqual(answer[1], 1 if has_record else 0, topic)


if __name__ == "__main__":
    support.main()

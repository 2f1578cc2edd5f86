"""Consumers in groups: subscribe, commit, and go on where the group was, also after a restart and a
kill -9 of the broker; several that share a topic, come, go and die. And what kafka-consumer-groups
says of them."""

import json
import re
import signal
import subprocess
import sys

import support
import wire
from clients import JAVA_CLASS_PATH, Kcat, run

PARTITIONS = 3
CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
GROUPS_TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


def values(numbers):
    return [f"value-{number}" for number in numbers]


def java(tool, broker, *arguments, check=True):
    return run(["java", "-Xmx512m", "-cp", JAVA_CLASS_PATH, tool,
                "--bootstrap-server", broker.address, *arguments], check=check)


class GroupsTest(support.BrokerTest):
    more_settings = {}

    def setUp(self):
        super().setUp()
        self.broker = self.start_broker(group_initial_rebalance_delay_ms=0, **self.more_settings)

    def produce(self, topic, numbers):
        lines = "".join(f"{number}\t{value}\n" for number, value in zip(numbers, values(numbers)))
        run(Kcat.command(self.broker, "-P", "-t", topic, "-K", "\t"), lines.encode())

    def interruptions(self):
        """What happens to the broker between two turns of a consumer."""
        def restart():
            code = self.broker.stop(signal.SIGTERM)
            self.assertEqual(code, 143 if support.AGAINST_KAFKA else 0)
            self.broker.start()

        def crash():
            self.broker.kill9()
            self.broker.start()

        return [("nothing", lambda: None), ("restart", restart), ("kill -9", crash)]

    def turns(self, topic, consume):
        """Each turn of the consumer reads what is new since the last, and nothing twice."""
        wire.create_topic(self.broker, topic, PARTITIONS)
        self.produce(topic, range(100))
        self.assertEqual(sorted(consume(100)), sorted(values(range(100))))
        for turn, (name, interrupt) in enumerate(self.interruptions(), 1):
            with self.subTest(interruption=name):
                numbers = range(100 * turn, 100 * turn + 50)
                interrupt()
                self.produce(topic, numbers)
                self.assertEqual(sorted(consume(50)), sorted(values(numbers)))


class KcatGroupsTest(GroupsTest):
    def setUp(self):
        support.require_kcat()
        super().setUp()

    def test_goes_on_where_it_was(self):
        def consume(_):
            done = run(Kcat.command(self.broker, "-G", "kcat-group", "-q", "-e",
                                    "-X", "auto.offset.reset=earliest", "turns"))
            return done.stdout.decode().splitlines()

        self.turns("turns", consume)


class ConfluentTest(GroupsTest):
    def setUp(self):
        support.require_confluent()
        super().setUp()

    def open(self, group, topic, **settings):
        import confluent_kafka
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.broker.address, "group.id": group,
            "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "log_level": 0, **settings})
        if topic is not None:
            consumer.subscribe([topic])
        return consumer

    def take(self, consumer, count):
        """Takes `count` records and commits them."""
        taken = []

        def poll():
            message = consumer.poll(1)
            if message is not None and message.error() is None:
                taken.append(message.value().decode())
            return len(taken) == count

        support.wait_until(poll, f"{count} records", 120)
        consumer.commit(asynchronous=False)
        return taken


class ConfluentGroupsTest(ConfluentTest):
    def test_goes_on_where_it_was(self):
        def consume(count):
            consumer = self.open("confluent-group", "turns")
            try:
                return self.take(consumer, count)
            finally:
                consumer.close()

        self.turns("turns", consume)

    def test_a_consumer_lives_through_the_ends_of_the_broker(self):
        wire.create_topic(self.broker, "living", PARTITIONS)
        consumer = self.open("living-group", "living")
        self.addCleanup(consumer.close)
        self.produce("living", range(10))
        self.assertEqual(sorted(self.take(consumer, 10)), sorted(values(range(10))))
        for turn, (name, interrupt) in enumerate(self.interruptions(), 1):
            with self.subTest(interruption=name):
                numbers = range(10 * turn, 10 * turn + 10)
                interrupt()
                self.produce("living", numbers)
                self.assertEqual(sorted(self.take(consumer, 10)), sorted(values(numbers)))

    def test_a_static_member_comes_back_at_once(self):
        wire.create_topic(self.broker, "static", 1)
        self.produce("static", range(20))
        settings = {"group.instance.id": "one"}
        first = self.open("static-group", "static", **settings)
        self.take(first, 10)
        # A static member does not leave when it closes.
        first.close()
        second = self.open("static-group", "static", **settings)
        self.assertEqual(self.take(second, 10), values(range(10, 20)))
        second.close()


class FullGroupTest(ConfluentTest):
    more_settings = {"group_max_size": 1}

    def test_there_is_no_room_for_a_second_member(self):
        import confluent_kafka
        wire.create_topic(self.broker, "full", 1)
        self.produce("full", range(10))
        first = self.open("full-group", "full")
        self.addCleanup(first.close)
        self.take(first, 10)
        second = self.open("full-group", "full")
        self.addCleanup(second.close)

        def refused():
            message = second.poll(1)
            return message is not None and message.error() is not None and \
                message.error().code() == confluent_kafka.KafkaError.GROUP_MAX_SIZE_REACHED

        support.wait_until(refused, "GROUP_MAX_SIZE_REACHED")


class SharedGroupTest(ConfluentTest):
    """Several consumers of one process share a topic. Each keeps account of what it owns."""

    PARTITIONS = 6
    # librdkafka gives its session up by itself when it is not answered for so long, as on a disk
    # that other tests keep busy.
    SETTINGS = {"session.timeout.ms": 30000, "heartbeat.interval.ms": 500}
    SHORT_SESSION = {"session.timeout.ms": 6000}

    def setUp(self):
        super().setUp()
        self.members = []
        self.seen = set()
        wire.create_topic(self.broker, "shared", self.PARTITIONS)
        self.sent = 0

    def join(self, **settings):
        """A new member, with the partitions that it was last told it owns."""
        import confluent_kafka
        consumer = self.open("shared-group", None, **{**self.SETTINGS, **settings})
        member = {"consumer": consumer, "owned": set()}
        incremental = "consumer" in self.SETTINGS.get("group.protocol", "") or \
            settings.get("partition.assignment.strategy") == "cooperative-sticky"

        def assigned(_, partitions):
            numbers = {one.partition for one in partitions}
            for other in self.members:
                if other is not member:
                    self.assertFalse(numbers & other["owned"], "a partition has two owners")
            if not incremental:
                member["owned"] = set()
            member["owned"] |= numbers

        def revoked(_, partitions):
            try:
                member["consumer"].commit(asynchronous=False)
            except confluent_kafka.KafkaException as error:
                # Of the partitions that it has now it has read nothing yet.
                if error.args[0].code() != confluent_kafka.KafkaError._NO_OFFSET:
                    raise
            member["owned"] -= {one.partition for one in partitions}

        def lost(_, partitions):
            member["owned"] -= {one.partition for one in partitions}

        consumer.subscribe(["shared"], on_assign=assigned, on_revoke=revoked, on_lost=lost)
        self.members.append(member)
        return member

    def leave(self, member):
        member["consumer"].close()
        self.members.remove(member)

    def poll(self):
        for member in list(self.members):
            message = member["consumer"].poll(0.02)
            if message is None or message.error() is not None:
                continue
            self.assertIn(message.partition(), member["owned"])
            self.seen.add(message.value().decode())

    def shares(self):
        return sorted(len(member["owned"]) for member in self.members)

    def settle(self, shares, seconds=60):
        """Until every member has its share and all that was produced meanwhile is read."""
        self.produce("shared", range(self.sent, self.sent + 60))
        self.sent += 60
        wanted = set(values(range(self.sent)))

        def done():
            self.poll()
            owned = set().union(*(member["owned"] for member in self.members))
            return self.shares() == shares and len(owned) == self.PARTITIONS and \
                self.seen == wanted

        try:
            support.wait_until(done, f"shares {shares}", seconds)
        except AssertionError:
            raise AssertionError(f"shares {self.shares()}, wanted {shares}; "
                                 f"{len(wanted - self.seen)} records missing") from None

    def close_all(self):
        while self.members:
            self.leave(self.members[0])

    def balance(self, **settings):
        self.addCleanup(self.close_all)
        self.join(**settings)
        self.settle([6])
        second = self.join(**settings)
        self.settle([3, 3])
        self.join(**settings)
        self.settle([2, 2, 2])
        self.leave(second)
        self.settle([3, 3])

    def test_members_come_and_go(self):
        self.balance()

    def test_members_come_and_go_cooperatively(self):
        self.balance(**{"partition.assignment.strategy": "cooperative-sticky"})

    def test_members_live_through_the_ends_of_the_broker(self):
        self.addCleanup(self.close_all)
        for _ in range(3):
            self.join()
        self.settle([2, 2, 2])
        for name, interrupt in self.interruptions():
            with self.subTest(interruption=name):
                interrupt()
                self.settle([2, 2, 2])

    def test_a_member_that_is_killed_is_removed_after_its_session(self):
        self.addCleanup(self.close_all)
        self.join()
        self.settle([6])
        program = ("import confluent_kafka, json, sys\n"
                   "c = confluent_kafka.Consumer({'bootstrap.servers': sys.argv[1],\n"
                   "    'group.id': 'shared-group', 'enable.auto.commit': False, 'log_level': 0,\n"
                   "    **json.loads(sys.argv[2])})\n"
                   "c.subscribe(['shared'])\n"
                   "while True: c.poll(0.1)\n")
        other = subprocess.Popen([sys.executable, "-c", program, self.broker.address,
                                  json.dumps({**self.SETTINGS, **self.SHORT_SESSION})])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)

        def shared():
            self.poll()
            return self.shares() == [3]

        support.wait_until(shared, "the other member has its share")
        other.kill()
        self.settle([6])

    def test_a_static_member_bounces_without_a_rebalance(self):
        self.addCleanup(self.close_all)
        first = self.join(**{"group.instance.id": "first"})
        bounces = self.join(**{"group.instance.id": "second"})
        self.settle([3, 3])
        owned = set(bounces["owned"])
        kept = set(first["owned"])
        self.leave(bounces)
        back = self.join(**{"group.instance.id": "second"})
        self.settle([3, 3])
        self.assertEqual(back["owned"], owned)
        self.assertEqual(first["owned"], kept)


class JavaGroupsTest(GroupsTest):
    def setUp(self):
        support.require_java()
        super().setUp()

    def tool(self, *arguments, check=True):
        done = java(GROUPS_TOOL, self.broker, *arguments, check=check)
        return (done.stdout + done.stderr).decode()

    def described(self, group):
        """(topic, partition) -> (committed, end, lag)."""
        rows = {}
        for line in self.tool("--describe", "--group", group).splitlines():
            found = re.match(rf"{group} +(\S+) +(\d+) +(\d+) +(\d+) +(\d+)", line)
            if found:
                topic, *numbers = found.groups()
                partition, committed, end, lag = map(int, numbers)
                rows[topic, partition] = (committed, end, lag)
        return rows

    def consume(self, group, topic, count):
        done = java(CONSOLE_CONSUMER, self.broker, "--topic", topic, "--group", group,
                    "--from-beginning", "--max-messages", str(count), "--timeout-ms", "60000")
        return done.stdout.decode().splitlines()

    def test_console_consumer_goes_on_where_it_was(self):
        self.turns("turns", lambda count: self.consume("java-group", "turns", count))

    def test_kafka_consumer_groups(self):
        wire.create_topic(self.broker, "tools", 1)
        self.produce("tools", range(30))
        self.assertEqual(len(self.consume("tools-group", "tools", 30)), 30)
        self.produce("tools", range(30, 40))
        self.assertIn("tools-group", self.tool("--list").splitlines())
        self.assertRegex(self.tool("--list", "--state"), r"tools-group +Classic +Consumer +Empty|"
                                                         r"tools-group +Empty")
        self.assertEqual(self.described("tools-group"), {("tools", 0): (30, 40, 10)})
        self.tool("--group", "tools-group", "--topic", "tools", "--reset-offsets", "--to-offset",
                  "5", "--execute")
        self.assertEqual(self.described("tools-group"), {("tools", 0): (5, 40, 35)})
        self.assertEqual(self.consume("tools-group", "tools", 35), values(range(5, 40)))
        self.tool("--group", "tools-group", "--topic", "tools", "--delete-offsets")
        self.assertEqual(self.described("tools-group"), {})
        self.tool("--group", "tools-group", "--delete")
        self.assertNotIn("tools-group", self.tool("--list").splitlines())


if __name__ == "__main__":
    support.main()

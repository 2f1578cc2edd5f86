"""Consumers in a group of one: subscribe, commit, and go on where the group was, also after a
restart and a kill -9 of the broker. And what kafka-consumer-groups says of them."""

import re
import signal

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
    def setUp(self):
        super().setUp()
        # The settings that make Apache Kafka behave alike: no wait for more members, room for one.
        self.broker = self.start_broker(group_initial_rebalance_delay_ms=0, group_max_size=1)

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


class ConfluentGroupsTest(GroupsTest):
    def setUp(self):
        support.require_confluent()
        super().setUp()

    def open(self, group, topic, **settings):
        import confluent_kafka
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.broker.address, "group.id": group,
            "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "log_level": 0, **settings})
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

"""Groups whose members the broker gives their partitions (group.protocol=consumer, KIP-848): what
members of classic groups do, and what the tools say of them."""

import groups_test
import support
import wire
from clients import run

CONSUMER = {"group.protocol": "consumer"}
CONFIGS_TOOL = "kafka.admin.ConfigCommand"


class ConsumerProtocolTest(groups_test.SharedGroupTest):
    """librdkafka. The broker sets the pace here, and how long a member may be silent."""

    SETTINGS = CONSUMER
    SHORT_SESSION = {}
    more_settings = {"group_consumer_heartbeat_interval_ms": 300,
                     "group_consumer_session_timeout_ms": 10000,
                     "group_consumer_assignment_interval_ms": 0}
    test_members_come_and_go_cooperatively = None  # it is all there is

    def test_a_member_reads_what_matches_its_pattern_as_topics_come(self):
        for topic in ("logs-a", "other"):
            wire.create_topic(self.broker, topic, 1)
            self.produce(topic, range(10))
        consumer = self.open("pattern-group", None, **CONSUMER)
        self.addCleanup(consumer.close)
        consumer.subscribe(["^logs-.*"])
        self.take(consumer, 10)
        wire.create_topic(self.broker, "logs-b", 2)
        self.produce("logs-b", range(10, 30))
        self.assertEqual(sorted(self.take(consumer, 20)),
                         sorted(groups_test.values(range(10, 30))))


class JavaConsumerProtocolTest(groups_test.JavaGroupsTest):
    """Kafka's own consumer, and what its tool says."""

    test_kafka_consumer_groups = None

    def consume(self, group, topic, count):
        done = groups_test.java(
            groups_test.CONSOLE_CONSUMER, self.broker, "--topic", topic, "--group", group,
            "--from-beginning", "--max-messages", str(count), "--timeout-ms", "60000",
            "--command-property", "group.protocol=consumer")
        return done.stdout.decode().splitlines()

    def test_the_tool_describes_the_group(self):
        wire.create_topic(self.broker, "tools", 1)
        self.produce("tools", range(30))
        self.assertEqual(len(self.consume("tools-group", "tools", 20)), 20)
        self.assertRegex(self.tool("--list", "--state"), r"tools-group +Consumer +Consumer +Empty|"
                                                         r"tools-group +Empty")
        self.assertRegex(self.tool("--list", "--type", "consumer"), "tools-group +Consumer")
        self.assertEqual(self.described("tools-group"), {("tools", 0): (20, 30, 10)})
        self.tool("--group", "tools-group", "--delete")
        self.assertNotIn("tools-group", self.tool("--list").splitlines())

    def test_kafka_configs_sets_what_counts_for_a_group(self):
        def configs(*arguments, check=True):
            done = groups_test.java(CONFIGS_TOOL, self.broker, "--entity-type", "groups",
                                    "--entity-name", "slow-group", *arguments, check=check)
            return (done.stdout + done.stderr).decode()

        configs("--alter", "--add-config", "consumer.session.timeout.ms=50000")
        self.assertIn("consumer.session.timeout.ms=50000", configs("--describe"))
        self.assertIn("consumer.session.timeout.ms must be 45000 to 60000",
                      configs("--alter", "--add-config", "consumer.session.timeout.ms=60001",
                              check=False))
        ours = run([support.MILLRACE, "config", "describe", "--group", "slow-group",
                    "--bootstrap-server", self.broker.address]).stdout.decode()
        self.assertRegex(ours, "consumer.session.timeout.ms +50000")


if __name__ == "__main__":
    support.main()

"""The command-line tools of Kafka 4.3.0, as an operator would use them, in one JVM."""

import base64
import os
import re
import unittest

import client_suite
import support
import wire
from clients import run

TOOLS = "org.apache.kafka.tools"


class ToolsTest(client_suite.Session, unittest.TestCase):
    client = "kafka-tools"

    def run_tool(self, tool, *arguments, stdin=b""):
        """Returns exit code, stdout and stderr."""
        words = ["--bootstrap-server", self.broker.address, *map(str, arguments)]
        name = tool if "." in tool and tool.startswith("kafka.") else f"{TOOLS}.{tool}"
        fields = {"class": name, "arguments": base64.b64encode("\0".join(words).encode()).decode(),
                  "stdin": base64.b64encode(stdin).decode()}
        [[code, output, errors]] = self.driver.call("run", **fields)
        return (int(code), base64.b64decode(output).decode(), base64.b64decode(errors).decode())

    def tool(self, tool, *arguments, stdin=b""):
        """Returns the stdout of a tool that must succeed."""
        code, output, errors = self.run_tool(tool, *arguments, stdin=stdin)
        self.assertEqual(code, 0, f"{tool} {arguments}:\n{output}\n{errors}")
        return output

    def refused(self, text, tool, *arguments):
        code, output, errors = self.run_tool(tool, *arguments)
        self.assertNotEqual(code, 0, f"{tool} {arguments}:\n{output}")
        self.assertIn(text, output + errors)

    def path_of(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_topics(self):
        topic = ("TopicCommand", "--topic", "tools")
        self.assertIn("Created topic tools.",
                      self.tool(*topic, "--create", "--partitions", 2, "--config",
                                "retention.ms=86400000"))
        self.refused("already exists", *topic, "--create", "--partitions", 2)
        self.assertIn("tools", self.tool("TopicCommand", "--list").split())
        described = self.tool(*topic, "--describe")
        self.assertIn("PartitionCount: 2", described)
        self.assertIn("retention.ms=86400000", described)
        self.assertRegex(described, r"TopicId: [A-Za-z0-9_-]{22}")
        self.tool(*topic, "--alter", "--partitions", 5)
        support.wait_until(
            lambda: "PartitionCount: 5" in self.tool(*topic, "--describe"), "five partitions")
        self.tool(*topic, "--delete")
        support.wait_until(
            lambda: "tools" not in self.tool("TopicCommand", "--list").split(), "the topic's end")
        self.refused("does not exist", *topic, "--describe")

    def test_configs(self):
        wire.create_topic(self.broker, "configured", 1)
        topic = ("kafka.admin.ConfigCommand", "--entity-type", "topics", "--entity-name",
                 "configured")
        self.tool(*topic, "--alter", "--add-config", "retention.ms=123456,cleanup.policy=[delete]")
        support.wait_until(
            lambda: "retention.ms=123456" in self.tool(*topic, "--describe"), "retention.ms")
        every = self.tool(*topic, "--describe", "--all")
        self.assertRegex(every, r"retention\.ms=123456 sensitive=false synonyms=\{"
                                r"DYNAMIC_TOPIC_CONFIG:retention\.ms=123456")
        self.assertRegex(every, r"segment\.bytes=\d+ sensitive=false")
        self.tool(*topic, "--alter", "--delete-config", "retention.ms")
        support.wait_until(
            lambda: "retention.ms" not in self.tool(*topic, "--describe"), "its default")
        self.refused("no.such", *topic, "--alter", "--add-config", "no.such=1")
        broker = self.tool("kafka.admin.ConfigCommand", "--entity-type", "brokers",
                           "--entity-name", 1, "--describe", "--all")
        self.assertIn("num.partitions=", broker)

    def test_console_producer_and_consumer(self):
        wire.create_topic(self.broker, "console", 1)
        lines = [f"k{i}:value {i} grün" for i in range(50)]
        self.tool("ConsoleProducer", "--topic", "console", "--reader-property", "parse.key=true",
                  "--reader-property", "key.separator=:", "--compression-codec", "zstd",
                  stdin="\n".join(lines).encode() + b"\n")
        consumer = ("consumer.ConsoleConsumer", "--topic", "console", "--formatter-property",
                    "print.key=true", "--formatter-property", "key.separator=:")
        # With a group, as it does by default: it commits what it has read, and goes on from there.
        group = (*consumer, "--group", "console-group", "--timeout-ms", 60_000)
        first = self.tool(*group, "--from-beginning", "--max-messages", 20)
        self.assertEqual(first.splitlines(), lines[:20])
        rest = self.tool(*group, "--max-messages", 30)
        self.assertEqual(rest.splitlines(), lines[20:])
        # By partition and offset, without a group.
        tail = self.tool(*consumer, "--partition", 0, "--offset", 45, "--max-messages", 5)
        self.assertEqual(tail.splitlines(), lines[45:])
        described = self.tool("consumer.group.ConsumerGroupCommand", "--describe", "--group",
                              "console-group")
        self.assertRegex(described, r"console-group\s+console\s+0\s+50\s+50\s+0\s")
        self.assertIn("console-group", self.tool(
            "consumer.group.ConsumerGroupCommand", "--list").split())

    def test_verifiable_producer_offsets_deleted_records_and_log_directories(self):
        wire.create_topic(self.broker, "many", 1)
        # It waits for what it has sent while its JVM ends, so it has one of its own.
        java = self.facts.command[:self.facts.command.index("Tools")]
        reported = run([*java, f"{TOOLS}.VerifiableProducer", "--bootstrap-server",
                        self.broker.address, "--topic", "many", "--max-messages", "400",
                        "--acks", "-1"]).stdout.decode()
        self.assertEqual(reported.count('"name":"producer_send_success"'), 400)
        self.assertEqual(self.tool("GetOffsetShell", "--topic", "many").split(), ["many:0:400"])
        text = '{"version": 1, "partitions": [{"topic": "many", "partition": 0, "offset": 200}]}'
        deleted = self.tool("DeleteRecordsCommand", "--offset-json-file",
                            self.path_of("offsets.json", text))
        self.assertIn("partition: many-0\tlow_watermark: 200", deleted)
        earliest = self.tool("GetOffsetShell", "--topic", "many", "--time", "earliest")
        self.assertEqual(earliest.split(), ["many:0:200"])
        newest = self.tool("GetOffsetShell", "--topic", "many", "--time", "max-timestamp")
        self.assertTrue(200 <= int(newest.strip().removeprefix("many:0:")) < 400, newest)
        directories = self.tool("LogDirsCommand", "--describe", "--topic-list", "many")
        self.assertRegex(directories, r'"partition":"many-0","size":[1-9]\d*')

    def test_what_the_broker_advertises(self):
        versions = self.tool("BrokerApiVersionsCommand")
        self.assertIn(f"{self.broker.address} (id:", versions)
        for api in ("Produce(0)", "Fetch(1)", "ListOffsets(2)", "Metadata(3)", "ApiVersions(18)"):
            # The newest client has a version in common with the broker.
            self.assertRegex(versions, re.escape(api) + r": [^\n]*\[usable: \d+\]")


if __name__ == "__main__":
    support.main()

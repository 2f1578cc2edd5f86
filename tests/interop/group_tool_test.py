"""`millrace group` on groups of librdkafka's consumers, beside Kafka's kafka-consumer-groups."""

import base64
import datetime
import json
import os
import re
import time
import unittest

import client_suite
import support
import wire
from clients import Confluent, Record, run

GROUPS_TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
RECORDS = 20  # in each of two partitions
BASE_MS = int(time.time() * 1000) - 3_600_000
STEP_MS = 60_000


def iso(timestamp_ms, zone="Z"):
    time_of_day = datetime.datetime.fromtimestamp(timestamp_ms / 1000, datetime.timezone.utc)
    return time_of_day.strftime("%Y-%m-%dT%H:%M:%S.") + f"{timestamp_ms % 1000:03}{zone}"


class GroupToolTest(client_suite.Session, unittest.TestCase):
    client = "kafka-tools"

    @classmethod
    def setUpClass(cls):
        support.require_confluent()
        super().setUpClass()

    def millrace(self, *arguments):
        """Returns exit code, stdout and stderr."""
        done = run([support.MILLRACE, "group", *map(str, arguments), "--bootstrap-server",
                    self.broker.address], check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def text(self, *arguments):
        code, output, errors = self.millrace(*arguments)
        self.assertEqual(code, 0, f"{arguments}:\n{output}\n{errors}")
        return output

    def json(self, *arguments):
        return json.loads(self.text(*arguments, "--json"))

    def refused(self, code, pattern, *arguments):
        """It fails alike with and without --json, and says what is wrong."""
        got, output, errors = self.millrace(*arguments)
        self.assertEqual(got, code, f"{arguments}:\n{output}\n{errors}")
        self.assertRegex(errors, pattern)
        got, output, errors = self.millrace(*arguments, "--json")
        self.assertEqual(got, code, f"{arguments} --json:\n{output}\n{errors}")
        self.assertRegex(output + errors, pattern)
        return output

    def kafka(self, *arguments):
        """What kafka-consumer-groups prints."""
        words = ["--bootstrap-server", self.broker.address, *map(str, arguments)]
        fields = {"class": GROUPS_TOOL,
                  "arguments": base64.b64encode("\0".join(words).encode()).decode(), "stdin": ""}
        [[code, output, errors]] = self.driver.call("run", **fields)
        output, errors = (base64.b64decode(text).decode() for text in (output, errors))
        self.assertEqual(int(code), 0, f"{arguments}:\n{output}\n{errors}")
        return output

    def kafka_rows(self, *arguments):
        """The lines of its table as dicts, by its own headings."""
        lines = [line.split() for line in self.kafka(*arguments).splitlines() if line.strip()]
        first = next(i for i, words in enumerate(lines) if words[0] == "GROUP")
        return [dict(zip(lines[first], words)) for words in lines[first + 1:]]

    def fill(self, topic, partitions=2, count=RECORDS):
        wire.create_topic(self.broker, topic, partitions)
        Confluent.produce(self.broker, topic, [
            Record(partition=i % 2, timestamp=BASE_MS + STEP_MS * (i // 2), key=b"k",
                   value=b"%d" % (i // 2)) for i in range(2 * count)])

    def open(self, group, topics, **settings):
        import confluent_kafka
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.broker.address, "group.id": group, "client.id": "c-1",
            "auto.offset.reset": "earliest", "enable.auto.commit": False, "log_level": 0,
            **settings})
        consumer.subscribe(topics)
        return consumer

    def take(self, consumer, count):
        """So many records; returns {(topic, partition): [offset, ...]}."""
        taken = {}

        def poll():
            message = consumer.poll(1)
            if message is not None and message.error() is None:
                taken.setdefault((message.topic(), message.partition()), []).append(
                    message.offset())
            return sum(map(len, taken.values())) == count

        support.wait_until(poll, f"{count} records", 120)
        return taken

    def commit(self, group, offsets):
        """As a consumer does that chooses its partitions itself."""
        import confluent_kafka
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.broker.address, "group.id": group,
            "enable.auto.commit": False})
        consumer.commit(asynchronous=False, offsets=[
            confluent_kafka.TopicPartition(topic, partition, offset)
            for (topic, partition), offset in offsets.items()])
        consumer.close()

    def committed(self, group):
        [described] = self.json("describe", group)
        return {(row["topic"], row["partition"]): row["committedOffset"]
                for row in described["partitions"]}

    def read_from(self, group, topic, count):
        """Where a consumer of the group begins in each partition."""
        consumer = self.open(group, [topic])
        try:
            return {at[1]: offsets[0] for at, offsets in self.take(consumer, count).items()}
        finally:
            consumer.close()

    def same_facts(self, group):
        """Every row of Kafka's table against ours, with and without --json."""
        [described] = self.json("describe", group)
        ours = sorted([row["topic"], row["partition"], row["committedOffset"],
                       row["logEndOffset"], row["lag"], row["memberId"], row["host"],
                       row["clientId"]] for row in described["partitions"])
        ours = [["-" if cell is None else str(cell) for cell in row] for row in ours]
        names = ("TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID",
                 "HOST", "CLIENT-ID")
        kafkas = sorted([row[name] for name in names]
                        for row in self.kafka_rows("--describe", "--group", group))
        self.assertEqual(sorted(ours), kafkas)
        table = [line.split() for line in self.text("describe", group).splitlines()]
        self.assertEqual(table[0], ["GROUP", *names])
        self.assertEqual(sorted(row[1:] for row in table[1:]), kafkas)
        [state] = self.kafka_rows("--describe", "--state", "--group", group)
        self.assertEqual(state["STATE"], described["state"])
        self.assertEqual(state["#MEMBERS"], str(described["memberCount"]))
        if described["assignor"] is not None:
            self.assertEqual(state["ASSIGNMENT-STRATEGY"], described["assignor"])
        self.assertEqual(state["COORDINATOR"],
                         "{host}:{port}".format(**described["coordinator"]))
        return described

    def test_the_same_facts_as_kafka(self):
        self.compare_facts("facts-group", "facts", "left")

    def test_the_same_facts_of_a_group_that_the_broker_shares_out(self):
        self.compare_facts("given-group", "given", "given-left", **{"group.protocol": "consumer"})

    def compare_facts(self, group, topic, left, **settings):
        self.fill(topic)
        self.fill(left)
        self.commit(group, {(left, 1): 7})
        consumer = self.open(group, [topic], **settings)
        self.addCleanup(consumer.close)
        taken = self.take(consumer, 2 * RECORDS)
        self.assertEqual(set(taken), {(topic, 0), (topic, 1)})
        import confluent_kafka
        consumer.commit(asynchronous=False,
                        offsets=[confluent_kafka.TopicPartition(topic, 0, 15)])
        with self.subTest("a member, an assigned partition without an offset, a left one"):
            described = self.same_facts(group)
            rows = {(row["topic"], row["partition"]): row for row in described["partitions"]}
            self.assertEqual(set(rows), {(topic, 0), (topic, 1), (left, 1)})
            self.assertEqual([rows[topic, 0][name] for name in
                              ("committedOffset", "logEndOffset", "lag")], [15, 20, 5])
            self.assertEqual([rows[topic, 1][name] for name in
                              ("committedOffset", "logEndOffset", "lag")], [None, 20, None])
            self.assertIsNone(rows[left, 1]["memberId"])
            self.assertEqual(described["state"], "Stable")
            self.assertEqual(described["protocolType"], "consumer")
        with self.subTest("members"):
            [members] = self.json("describe", group, "--members")
            [member] = members["members"]
            self.assertEqual(member["assignment"], [{"topic": topic, "partitions": [0, 1]}])
            self.assertIn(f"{topic}:0,1", self.text("describe", group, "--members"))
            [kafkas] = self.kafka_rows("--describe", "--members", "--verbose", "--group",
                                       group)
            self.assertEqual([kafkas["CONSUMER-ID"], kafkas["HOST"], kafkas["CLIENT-ID"]],
                             [member["memberId"], member["host"], member["clientId"]])
            self.assertEqual(kafkas["#PARTITIONS"], "2")
        with self.subTest("state"):
            [state] = self.json("describe", group, "--state")
            self.assertEqual(state, {name: described[name] for name in state})
            self.assertNotIn("partitions", state)
        with self.subTest("nothing is changed under a member"):
            self.refused(1, "NON_EMPTY_GROUP.*1 member", "reset-offsets", group,
                         "--topic", topic, "--to-earliest", "--execute")
            self.refused(1, "NON_EMPTY_GROUP", "delete", group)
            self.refused(1, "GROUP_SUBSCRIBED_TO_TOPIC", "delete-offsets", group,
                         "--topic", f"{topic}:0")
        consumer.close()
        with self.subTest("an empty group"):
            self.assertEqual(self.same_facts(group)["state"], "Empty")

    def test_list(self):
        self.fill("listed")
        consumer = self.open("listed-group", ["listed"])
        self.take(consumer, 2 * RECORDS)
        given = self.open("listed-given", ["listed"], **{"group.protocol": "consumer"})
        self.take(given, 2 * RECORDS)
        self.commit("listed-empty", {("listed", 0): 1})

        def found(*arguments):
            return {row["group"]: row for row in self.json("list", *arguments)}

        groups = found()
        self.assertEqual(groups["listed-group"],
                         {"group": "listed-group", "type": groups["listed-group"]["type"],
                          "protocolType": "consumer", "state": "Stable", "memberCount": 1})
        self.assertEqual(groups["listed-group"]["type"].lower(), "classic")
        self.assertEqual([groups["listed-given"][name] for name in
                          ("state", "memberCount", "protocolType")], ["Stable", 1, "consumer"])
        self.assertEqual(groups["listed-given"]["type"].lower(), "consumer")
        self.assertEqual([groups["listed-empty"][name] for name in ("state", "memberCount")],
                         ["Empty", 0])
        self.assertEqual(sorted(groups), sorted(self.kafka("--list").split()))
        self.assertIn("listed-group", found("--state", "stable"))
        self.assertNotIn("listed-empty", found("--state", "stable"))
        self.assertEqual(sorted(found("--state", "Stable", "--state", "Empty")), sorted(groups))
        self.assertRegex(self.text("list"), r"(?mi)^listed-group +classic +consumer +Stable +1$")
        self.assertEqual(sorted(one["group"] for one in self.json("describe", "--all")),
                         sorted(groups))
        self.refused(2, "Sleeping", "list", "--state", "Sleeping")
        consumer.close()
        given.close()

    def reset(self, group, *arguments, topics=("--topic", "moved")):
        """A dry run changes nothing and says what the execution then does."""
        before = self.committed(group)
        planned = self.json("reset-offsets", group, *topics, *arguments)
        self.assertFalse(planned["executed"])
        self.assertEqual(self.committed(group), before)
        done = self.json("reset-offsets", group, *topics, *arguments, "--execute")
        self.assertTrue(done["executed"])
        self.assertEqual(done["partitions"], planned["partitions"])
        after = {(row["topic"], row["partition"]): row["newOffset"] for row in done["partitions"]}
        self.assertEqual(self.committed(group), {**before, **after})
        return {row["partition"]: (row["newOffset"], row["outsideOffset"])
                for row in done["partitions"]}

    def test_reset_offsets_and_what_a_consumer_reads_then(self):
        self.fill("moved")
        group = "moved-group"
        self.commit(group, {("moved", 0): 5, ("moved", 1): 6})
        path = os.path.join(self.folder, "offsets.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write("moved,0,4\n\"moved\",1,9\n")
        age_s = round((time.time() * 1000 - BASE_MS - 12.5 * STEP_MS) / 1000)
        named = ("--topic", "moved")
        for topics, arguments, expected in (
                (named, ("--to-earliest",), (0, 0)),
                (named, ("--to-offset", 7), (7, 7)),
                (named, ("--shift-by", 3), (10, 10)),
                (named, ("--shift-by", -8), (2, 2)),
                (named, ("--to-datetime", iso(BASE_MS + 11 * STEP_MS)), (11, 11)),
                (named, ("--to-datetime", iso(BASE_MS + 11 * STEP_MS + 1, "")), (12, 12)),
                (named, ("--by-duration", f"PT{age_s}S"), (13, 13)),
                (("--topic", "moved:1"), ("--to-offset", 3), (13, 3)),
                (("--all-topics",), ("--shift-by", 1), (14, 4)),
                ((), ("--from-file", path), (4, 9)),
                (named, ("--to-current",), (4, 9))):
            with self.subTest(arguments=arguments, topics=topics):
                self.reset(group, *arguments, topics=topics)
                now = self.committed(group)
                self.assertEqual((now["moved", 0], now["moved", 1]), expected)
                self.assertEqual(self.read_from(group, "moved", 2 * RECORDS - sum(expected)),
                                 dict(enumerate(expected)))
        with self.subTest("the end, where only what is new is read"):
            self.reset(group, "--to-latest")
            Confluent.produce(self.broker, "moved", [
                Record(partition=i, timestamp=BASE_MS, key=b"k", value=b"new") for i in (0, 1)])
            self.assertEqual(self.read_from(group, "moved", 2), {0: RECORDS, 1: RECORDS})
        with self.subTest("later than every record"):
            self.assertEqual(self.reset(group, "--to-datetime", iso(int(time.time() * 1000))),
                             {0: (RECORDS + 1, None), 1: (RECORDS + 1, None)})

    def test_offsets_outside_of_the_log_are_moved_into_it(self):
        self.fill("moved-far")
        group, topic = "far-group", ("--topic", "moved-far")
        self.commit(group, {("moved-far", 0): 5})
        self.assertEqual(self.reset(group, "--to-offset", 99, topics=topic),
                         {0: (20, 99), 1: (20, 99)})
        self.assertEqual(self.reset(group, "--shift-by", -99, topics=topic),
                         {0: (0, -79), 1: (0, -79)})
        code, output, errors = self.millrace("reset-offsets", group, *topic, "--to-offset", 99)
        self.assertEqual(code, 0)
        self.assertIn("moved-far-0: offset 99 is outside of the log, 20 is the nearest", errors)
        self.assertIn("nothing was changed", errors)
        self.assertRegex(output, r"far-group +moved-far +1 +0 +20")

    def test_a_plan_is_exported_and_read_again_by_both_tools(self):
        self.fill("a-topic-with-a-rather-long-name")
        name, group = "a-topic-with-a-rather-long-name", "export-group"
        self.commit(group, {(name, 0): 5, (name, 1): 6})
        exported = self.text("reset-offsets", group, "--all-topics", "--to-current", "--export")
        self.assertEqual(exported, f"{name},0,5\n{name},1,6\n")
        kafkas = self.kafka("--group", group, "--reset-offsets", "--all-topics", "--to-current",
                            "--export", "--dry-run")
        self.assertEqual(sorted(kafkas.replace('"', "").split()), exported.split())
        for text in (exported, kafkas):
            path = os.path.join(self.folder, "exported.csv")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            self.reset(group, "--to-earliest", topics=("--all-topics",))
            self.reset(group, "--from-file", path, topics=())
            self.assertEqual(self.committed(group), {(name, 0): 5, (name, 1): 6})
            self.reset(group, "--to-earliest", topics=("--all-topics",))
            self.kafka("--group", group, "--reset-offsets", "--from-file", path, "--execute")
            self.assertEqual(self.committed(group), {(name, 0): 5, (name, 1): 6})

    def test_a_reset_makes_a_group_that_does_not_exist(self):
        self.fill("fresh")
        planned = self.json("reset-offsets", "fresh-group", "--topic", "fresh:1", "--to-offset", 3)
        self.assertTrue(planned["newGroup"])
        self.refused(1, "GROUP_ID_NOT_FOUND", "describe", "fresh-group")
        self.text("reset-offsets", "fresh-group", "--topic", "fresh:1", "--to-offset", 3,
                  "--execute")
        self.assertEqual(self.committed("fresh-group"), {("fresh", 1): 3})
        self.same_facts("fresh-group")

    def test_delete(self):
        self.fill("deleted")
        for group in ("deleted-1", "deleted-2"):
            self.commit(group, {("deleted", 0): 1, ("deleted", 1): 2})
        answer = self.json("delete-offsets", "deleted-1", "--topic", "deleted:1")
        self.assertEqual(answer, {"group": "deleted-1", "partitions": [
            {"topic": "deleted", "partition": 1, "deleted": True}]})
        self.assertEqual(self.committed("deleted-1"), {("deleted", 0): 1})
        # What can be deleted is, and the rest is named.
        code, output, _ = self.millrace("delete", "deleted-1", "no-such", "deleted-2", "--json")
        self.assertEqual(code, 1)
        first, unknown, second = json.loads(output)
        self.assertEqual([first, second], [{"group": "deleted-1", "deleted": True},
                                           {"group": "deleted-2", "deleted": True}])
        self.assertEqual([unknown["group"], unknown["error"]], ["no-such", "GROUP_ID_NOT_FOUND"])
        self.assertNotRegex(self.text("list"), "deleted-")

    def test_bad_input_is_named(self):
        self.fill("bad")
        self.commit("bad-group", {("bad", 0): 1})
        reset = ("reset-offsets", "bad-group", "--topic", "bad")
        missing = os.path.join(self.folder, "missing.csv")
        wrong = os.path.join(self.folder, "wrong.csv")
        with open(wrong, "w", encoding="utf-8") as file:
            file.write("bad,0,1\nbad,one,1\n")
        unknown = os.path.join(self.folder, "unknown.csv")
        with open(unknown, "w", encoding="utf-8") as file:
            file.write("bad,0,1\nbad,9,1\n")
        for code, pattern, arguments in (
                (1, "no-such.*GROUP_ID_NOT_FOUND", ("describe", "no-such")),
                (1, "no-such.*GROUP_ID_NOT_FOUND",
                 ("reset-offsets", "no-such", "--all-topics", "--to-earliest")),
                (1, "no-such.*GROUP_ID_NOT_FOUND",
                 ("delete-offsets", "no-such", "--topic", "bad")),
                (1, "UNKNOWN_TOPIC_OR_PARTITION.*'none'",
                 ("reset-offsets", "bad-group", "--topic", "none", "--to-earliest")),
                (1, "UNKNOWN_TOPIC_OR_PARTITION.*no partition 9",
                 ("delete-offsets", "bad-group", "--topic", "bad:0,9")),
                (1, "bad-9", ("reset-offsets", "bad-group", "--from-file", unknown)),
                (1, "no committed offset in bad-1", (*reset, "--shift-by", 1)),
                (2, "'yesterday'", (*reset, "--to-datetime", "yesterday")),
                (2, "'1h'", (*reset, "--by-duration", "1h")),
                (2, "missing.csv: No such file", reset[:2] + ("--from-file", missing)),
                (2, "wrong.csv: line 2.*'one' is no partition",
                 reset[:2] + ("--from-file", wrong)),
                (2, "--from-file", (*reset, "--from-file", wrong)),
                (2, "--to-offset", (*reset, "--to-offset", -1)),
                (2, "--to-earliest", (*reset, "--to-earliest", "--to-latest")),
                (2, "--to-earliest", reset),
                (2, "--all-topics", (*reset, "--all-topics", "--to-earliest")),
                (2, "--topic or --all-topics", (*reset[:2], "--to-earliest")),
                (2, "--dry-run", (*reset, "--to-earliest", "--dry-run", "--execute")),
                (2, "bad:x", ("delete-offsets", "bad-group", "--topic", "bad:x")),
                (2, "group", ("describe",)),
                (2, "--all", ("describe", "bad-group", "--all")),
                (2, "--members", ("describe", "bad-group", "--members", "--state"))):
            with self.subTest(arguments=arguments):
                self.refused(code, pattern.replace(".*", "[^\n]*"), *arguments)
        self.assertEqual(self.committed("bad-group"), {("bad", 0): 1})

    def test_a_broker_that_is_not_there(self):
        command = [support.MILLRACE, "group", "list", "--bootstrap-server",
                   f"127.0.0.1:{support.free_port()}"]
        done = run(command, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(re.search(rb"no broker answers", done.stderr))
        done = run([*command, "--json"], check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout)["error"], "UNAVAILABLE")


if __name__ == "__main__":
    support.main()

"""`millrace bench` against a broker: counts, JSON, bad input, an interrupt, a lost connection."""

import json
import os
import re
import signal
import subprocess
import unittest

import support

OPERATIONS = os.path.join(support.ROOT, "docs", "operations.md")
SECTION = re.compile(r"^## Measuring a broker\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)
LATENCY_KEYS = {"count", "p50Us", "p90Us", "p99Us", "p999Us", "maxUs"}
KEYS = {"mode", "topic", "seconds", "records", "bytes", "requests", "recordsPerSecond",
        "megabytesPerSecond", "requestsPerSecond", "latency", "errors", "cpuSeconds",
        "interrupted"}


def millrace(*arguments):
    """Returns exit code, stdout and stderr."""
    done = subprocess.run([support.MILLRACE, *map(str, arguments)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


class BenchToolTest(support.BrokerTest):
    def setUp(self):
        super().setUp()
        self.broker = self.start_broker()
        if support.AGAINST_KAFKA:  # it accepts connections before it serves
            support.wait_until(lambda: self.bench("produce", "--records", 1)[0] == 0, "Kafka")

    def bench(self, command, *arguments):
        return millrace("bench", command, "--bootstrap-server", self.broker.address, *arguments)

    def report(self, command, *arguments, code=0):
        status, output, errors = self.bench(command, "--json", *arguments)
        self.assertEqual(status, code, output + errors)
        self.assertEqual(errors, "", "no terminal, no progress")
        [line] = output.splitlines()
        report = json.loads(line)
        self.assertLessEqual(KEYS, set(report))
        self.assertEqual(report["mode"], command)
        for latency in report["latency"].values():
            self.assertEqual(set(latency), LATENCY_KEYS)
            self.assertLessEqual(latency["p50Us"], latency["p99Us"])
            self.assertLessEqual(latency["p99Us"], latency["maxUs"])
        return report

    def topics(self):
        status, output, errors = millrace("topic", "list", "--bootstrap-server",
                                          self.broker.address)
        self.assertEqual(status, 0, errors)
        return output.split()

    def refused(self, pattern, command, *arguments, code=1):
        """It fails alike with and without --json, and says what is wrong."""
        for more in ((), ("--json",)):
            status, output, errors = self.bench(command, *arguments, *more)
            self.assertEqual(status, code, output + errors)
            self.assertRegex(output + errors, pattern)

    def test_what_is_sent_is_counted_and_read_again(self):
        # 10,007 is no multiple of the records in a batch.
        for partitions, connections, more in ((4, 3, ()), (1, 3, ("--acks", 1)),
                                              (3, 1, ("--compression", "zstd")),
                                              (2, 2, ("--rate", 50000, "--in-flight", 50))):
            topic = f"counted-{partitions}-{connections}"
            sent = self.report("produce", "--topic", topic, "--partitions", partitions, "--keep",
                               "--connections", connections, "--records", 10_007, *more)
            self.assertEqual((sent["records"], sent["errors"]), (10_007, {}))
            self.assertEqual(sent["latency"]["ack"]["count"], sent["requests"])
            for connections in (1, 2, partitions):
                read = self.report("consume", "--topic", topic, "--from-beginning", "--check",
                                   "--connections", connections)
                times = max(1, connections // partitions)
                self.assertEqual((read["records"], read["missingOffsets"]), (10_007 * times, 0))
            parts = [self.report("consume", "--topic", topic, "--from-beginning", "--partitions",
                                 index)["records"] for index in range(partitions)]
            self.assertEqual(sum(parts), 10_007)
            self.assertGreater(min(parts), 0)

    def test_a_topic_that_it_created_is_deleted_unless_it_is_to_be_kept(self):
        self.report("produce", "--records", 10)
        self.report("latency", "--records", 10)
        self.report("produce", "--records", 10, "--topic", "gone")
        self.report("produce", "--records", 10, "--topic", "kept", "--keep")
        self.report("produce", "--records", 10, "--topic", "kept")
        support.wait_until(lambda: self.topics() == ["kept"], "the topics to go")
        read = self.report("consume", "--topic", "kept", "--from-beginning")
        self.assertEqual(read["records"], 20)

    def test_a_rate_is_held_for_a_time(self):
        sent = self.report("produce", "--rate", 2000, "--duration", 1.5, "--batch-size", 1,
                           "--record-size", 10, "--warmup", 0.2)
        # Not a measurement: as many as are due within the time, whenever they were acknowledged.
        self.assertAlmostEqual(sent["records"], 3000, delta=1000)
        self.assertGreaterEqual(sent["seconds"], 1.5)

    def test_acks_0_has_no_answers(self):
        sent = self.report("produce", "--acks", 0, "--records", 5_003, "--topic", "none", "--keep")
        self.assertEqual((sent["records"], list(sent["latency"])), (5_003, ["send"]))
        read = self.report("consume", "--topic", "none", "--from-beginning", "--records", 5_003)
        self.assertEqual(read["records"], 5_003)

    def test_latency_counts_every_record_twice(self):
        report = self.report("latency", "--rate", 1000, "--records", 500, "--acks", 1)
        self.assertEqual(report["records"], 500)
        self.assertEqual({name: latency["count"] for name, latency in report["latency"].items()},
                         {"endToEnd": 500, "ack": 500, "delay": 500})
        self.assertGreater(report["latency"]["endToEnd"]["p50Us"], 0)

    def test_latency_begins_at_the_end_of_a_topic_that_others_use(self):
        self.report("produce", "--topic", "shared", "--keep", "--records", 100)
        report = self.report("latency", "--topic", "shared", "--records", 50)
        self.assertEqual(report["records"], 50)

    def test_words_and_progress(self):
        status, output, errors = self.bench("produce", "--duration", 2.5, "--rate", 1000,
                                            "--progress", "--record-size", 100)
        self.assertEqual(status, 0, errors)
        self.assertRegex(output, r"produce \S+: [\d,]+ records, [\d.]+ MB in [\d.]+ s\n"
                                 r"  [\d,]+ records/s, .* CPU in this program\n"
                                 r"  time to acknowledgement: p50 .*, max .*\n")
        self.assertRegex(errors, r"\A(\d+ s: [\d,]+ records/s, [\d.]+ MB/s, p99 .* so far\n){2}")

    def test_bad_input_is_named(self):
        self.report("produce", "--topic", "two", "--partitions", 2, "--records", 10, "--keep")
        self.refused("UNKNOWN_TOPIC_OR_PARTITION.*'nope'|'nope'.*", "consume", "--topic", "nope",
                     "--from-beginning")
        self.refused("no partition 2", "consume", "--topic", "two", "--partitions", "0,2",
                     "--from-beginning")
        self.refused("INVALID_TOPIC_EXCEPTION", "produce", "--topic", "not a name")
        self.refused("--from-beginning, --records or --duration", "consume", "--topic", "two",
                     code=2)
        self.refused("--record-size", "produce", "--record-size", 0, code=2)
        self.refused("--record-size 8", "latency", "--record-size", 8, code=2)
        self.refused("--acks", "produce", "--acks", 2, code=2)
        self.refused("--acks 0", "latency", "--acks", 0, code=2)
        self.refused("--records 0", "produce", "--records", 0, code=2)
        self.refused("--rate", "latency", "--rate", 0, code=2)
        self.refused("--topic", "consume", "--from-beginning", code=2)
        self.refused("MESSAGE_TOO_LARGE", "produce", "--record-size", 3_000_000)
        self.assertEqual([name for name in self.topics() if name != "two"], [])

    def test_what_is_refused_is_counted_by_name(self):
        status, output, _ = self.bench("produce", "--json", "--record-size", 3_000_000)
        report = json.loads(output)
        self.assertEqual((status, report["error"]), (1, "MESSAGE_TOO_LARGE"))
        self.assertEqual(report["records"], 0)
        self.assertGreater(report["errors"]["MESSAGE_TOO_LARGE"], 0)
        self.assertEqual(report["latency"]["ack"]["count"], 0)

    def test_a_refused_connection(self):
        self.broker.kill9()
        for command in (("produce",), ("consume", "--topic", "t", "--from-beginning"),
                        ("latency",)):
            self.refused("no broker answers at " + self.broker.address, *command)

    def started(self, *arguments):
        """A run that has begun to measure."""
        command = [support.MILLRACE, "bench", *arguments, "--bootstrap-server",
                   self.broker.address, "--progress", "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        self.addCleanup(process.kill)
        self.assertRegex(process.stderr.readline(), "records/s")
        return process

    def test_an_interrupt_ends_with_the_summary(self):
        for command in ("produce", "latency"):
            process = self.started(command, "--duration", "100", "--rate", "1000", "--topic", "i")
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, errors)
            report = json.loads(output)
            self.assertTrue(report["interrupted"])
            self.assertGreater(report["records"], 0)
            self.assertLess(report["seconds"], 60)
            support.wait_until(lambda: self.topics() == [], "the topic to go")

    def test_a_stall_is_late_for_all_that_was_due_in_it(self):
        for command, more in (("latency", ()), ("produce", ("--batch-size", "1"))):
            process = self.started(command, "--records", "5000", "--rate", "1000", "--record-size",
                                   "100", "--acks", "1", *more)
            self.broker.process.send_signal(signal.SIGSTOP)
            for _ in range(2):  # a line every second, so at least one second passes
                process.stderr.readline()
            self.broker.process.send_signal(signal.SIGCONT)
            output, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, errors)
            ack = json.loads(output)["latency"]["ack"]
            self.assertEqual(ack["count"], 5000)
            # A fifth of the records, each from its own time on, not only the few under way.
            self.assertGreaterEqual(ack["maxUs"], 900_000)
            self.assertGreaterEqual(ack["p90Us"], 300_000)

    def test_a_lost_connection_ends_with_a_message(self):
        process = self.started("produce", "--duration", "100")
        self.broker.kill9()
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        report = json.loads(output)
        self.assertEqual(report["error"], "UNAVAILABLE")
        self.assertRegex(report["message"], "closed a connection|connection was lost")
        self.assertGreater(report["records"], 0)

    @unittest.skipIf(support.AGAINST_KAFKA, "one run of them is enough")
    def test_the_commands_of_the_manual(self):
        with open(OPERATIONS, encoding="utf-8") as file:
            section = SECTION.search(file.read()).group(1)
        commands = [line.split("#")[0].split() for block in BLOCK.findall(section)
                    for line in block.splitlines() if line.startswith("millrace bench ")]
        self.assertGreater(len(commands), 3)
        for words in commands:
            if "--duration" in words:
                words[words.index("--duration") + 1] = "1"
            status, output, errors = self.bench(*words[2:])
            self.assertEqual(status, 0, f"{words}:\n{output}\n{errors}")


if __name__ == "__main__":
    support.main()

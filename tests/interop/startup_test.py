"""The command line of the broker: what it refuses and says, what it leaves on disk, how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import unittest

import support
import wire
from support import MILLRACE

COMMAND_SECONDS_MAX = 60


def millrace(*arguments, user=None, env=None):
    """Runs a command that must end by itself; returns its exit code, stdout and stderr."""
    prefix = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}",
                                      "--clear-groups"]
    done = subprocess.run([*prefix, MILLRACE, *arguments], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS_MAX, check=False,
                          env={**os.environ, **(env or {})})
    return done.returncode, done.stdout, done.stderr


@unittest.skipIf(support.AGAINST_KAFKA, "our own command line")
class RefusalTest(support.BrokerTest):
    def refused(self, *arguments, says, user=None):
        """`serve` ends with an error that contains every text of `says`."""
        code, output, errors = millrace("serve", *arguments, user=user)
        self.assertNotEqual(code, 0, output + errors)
        self.assertGreater(code, 0, f"killed by signal {-code}: {output + errors}")
        for text in says:
            self.assertIn(text, errors + output)

    def here(self, port=None):
        """Arguments for a broker of its own in this test's directory."""
        port = support.free_port() if port is None else port
        return ["--data-dir", self.path("data"), "--listen", f"127.0.0.1:{port}"]

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.refused(*self.here(port), says=[str(port), "in use"])

    def test_a_second_broker_on_the_same_directory(self):
        broker = self.start_broker()
        self.refused("--data-dir", broker.data_dir, "--listen",
                     f"127.0.0.1:{support.free_port()}", says=[broker.data_dir])
        wire.create_topic(broker, "still-serving", 1)

    def test_a_data_directory_without_permission(self):
        os.chmod(self.folder, 0o755)
        locked = self.path("locked")
        os.mkdir(locked, 0o500)
        user = 65534 if os.geteuid() == 0 else None
        if user is not None and millrace("version", user=user)[0] != 0:
            self.skipTest(f"another user cannot run {MILLRACE}")
        for data_dir in (locked, os.path.join(locked, "data")):
            with self.subTest(data_dir=data_dir):
                self.refused("--data-dir", data_dir, "--listen",
                             f"127.0.0.1:{support.free_port()}",
                             says=[data_dir, "ermission denied"], user=user)

    def test_a_data_directory_that_is_a_file(self):
        with open(self.path("data"), "w", encoding="utf-8") as file:
            file.write("a file")
        self.refused(*self.here(), says=[self.path("data")])

    def test_an_unknown_property_names_the_nearest(self):
        self.refused(*self.here(), "--set", "log.segment.byts=1",
                     says=["log.segment.byts", "log.segment.bytes"])

    def test_property_values_that_are_none(self):
        for setting in ("log.segment.bytes=many", "log.segment.bytes=-5", "num.partitions=0",
                        "log.segment.bytes", "num.partitions="):
            with self.subTest(setting=setting):
                self.refused(*self.here(), "--set", setting, says=[setting.split("=")[0]])

    def test_listening_on_all_addresses_needs_an_advertised_one(self):
        for host in ("0.0.0.0", "[::]"):
            with self.subTest(host=host):
                self.refused("--data-dir", self.path("data"), "--listen",
                             f"{host}:{support.free_port()}", says=["advertised.listeners"])

    def test_addresses_that_are_none(self):
        for address in ("127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:port", ":"):
            with self.subTest(address=address):
                self.refused("--data-dir", self.path("data"), "--listen", address,
                             says=[f"'{address}'"])

    def test_a_configuration_file_that_is_not_there(self):
        self.refused(*self.here(), "--config", self.path("none.properties"),
                     says=["none.properties"])

    def test_unknown_commands_and_options(self):
        for arguments in (["sevre"], ["serve", "--no-such-option"], ["topic", "rename"]):
            with self.subTest(arguments=arguments):
                code, output, errors = millrace(*arguments)
                self.assertGreater(code, 0)
                self.assertTrue(output + errors)


@unittest.skipIf(support.AGAINST_KAFKA, "our own command line")
class ServeTest(support.BrokerTest):
    def test_version(self):
        code, output, _ = millrace("version")
        self.assertEqual(code, 0)
        self.assertRegex(output, r"\d+\.\d+\.\d+")

    def test_one_readable_line_when_it_accepts(self):
        broker = self.start_broker()
        support.wait_until(lambda: broker.address in broker.output(), "the line with the address")

    def properties(self, path):
        with open(path, encoding="utf-8") as file:
            pairs = (line.strip().split("=", 1) for line in file if not line.startswith("#"))
            return dict(pair for pair in pairs if len(pair) == 2)

    def test_what_lies_in_the_data_directory(self):
        broker = self.start_broker()
        meta = self.properties(os.path.join(broker.data_dir, "meta.properties"))
        self.assertEqual(meta["version"], "1")
        self.assertTrue(re.fullmatch(r"[\w-]{22}", meta["cluster.id"]), meta)
        self.assertTrue(re.fullmatch(r"[\w-]{22}", meta["directory.id"]), meta)
        self.assertGreaterEqual(int(meta["node.id"]), 0)
        self.assertTrue(os.path.exists(os.path.join(broker.data_dir, ".lock")))
        wire.create_topic(broker, "t", 1)
        broker.stop()
        broker.start()
        self.assertEqual(self.properties(os.path.join(broker.data_dir, "meta.properties")), meta)

    def test_both_signals_end_it_cleanly(self):
        broker = self.start_broker()
        marker = os.path.join(broker.data_dir, ".kafka_cleanshutdown")
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=how.name):
                self.assertFalse(os.path.exists(marker), "while it runs")
                # An idle client must not hold it up.
                with wire.Connection(broker):
                    self.assertEqual(broker.stop(how), 0, broker.output())
                self.assertTrue(os.path.exists(marker), "after a clean stop")
                broker.start()
        broker.kill9()
        self.assertFalse(os.path.exists(marker), "after kill -9")

    def test_the_configuration_file(self):
        config = self.path("server.properties")
        with open(config, "w", encoding="utf-8") as file:
            file.write("# A comment.\n\nnum.partitions = 7\n")
        broker = support.Broker(self.folder)
        command = [*broker.command(), "--config", config]
        broker.command = lambda: command
        self.addCleanup(broker.close)
        broker.start()
        code, _, errors = millrace("topic", "create", "--bootstrap-server", broker.address, "seven")
        self.assertEqual(code, 0, errors)
        self.assertEqual(len(broker_partitions(broker, "seven")), 7)

    def test_the_configuration_file_that_kafka_comes_with(self):
        shipped = os.path.join(support.ROOT, "tests", "data", "kafka-4.3.0", "server.properties")
        broker = support.Broker(self.folder)
        command = [*broker.command(), "--config", shipped]
        broker.command = lambda: command
        self.addCleanup(broker.close)
        broker.start()
        for name in ("process.roles", "num.io.threads", "CONTROLLER://localhost:9093"):
            self.assertIn(name, broker.output())
        wire.create_topic(broker, "t", 1)

    def test_the_environment_goes_before_the_file_and_set_before_both(self):
        config = self.path("server.properties")
        with open(config, "w", encoding="utf-8") as file:
            file.write("num.partitions=7\nauto.create.topics.enable=true\n")
        broker = support.Broker(self.folder)
        command = ["env", "MILLRACE_NUM_PARTITIONS=5", "MILLRACE_LOG_RETENTION_HOURS=3",
                   "MILLRACE_NO_SUCH_THING=secret", *broker.command(), "--config", config,
                   "--set", "log.retention.hours=2"]
        broker.command = lambda: command
        self.addCleanup(broker.close)
        broker.start()
        self.assertIn("MILLRACE_NO_SUCH_THING", broker.output())
        self.assertNotIn("secret", broker.output())
        at = ["--bootstrap-server", broker.address, "--broker", "1", "--json"]
        code, output, errors = millrace("config", "describe", *at)
        self.assertEqual(code, 0, errors)
        values = {entry["name"]: entry["value"] for entry in json.loads(output)["configs"]}
        self.assertEqual((values["num.partitions"], values["log.retention.hours"]), ("5", "2"))

    def test_a_value_in_the_environment_that_is_none(self):
        code, output, errors = millrace("serve", "--data-dir", self.path("data"), "--listen",
                                        f"127.0.0.1:{support.free_port()}",
                                        env={"MILLRACE_NUM_PARTITIONS": "many"})
        self.assertGreater(code, 0, output)
        self.assertIn("num.partitions", errors)

    def test_the_descriptor_limit_is_raised(self):
        broker = self.start_broker()
        with open(f"/proc/{broker.process.pid}/limits", encoding="utf-8") as file:
            [line] = [line for line in file if line.startswith("Max open files")]
        soft, hard = line.split()[3:5]
        self.assertEqual(soft, hard)


def broker_partitions(broker, topic):
    code, output, _ = millrace("topic", "describe", "--bootstrap-server", broker.address, topic,
                               "--json")
    return json.loads(output)["partitions"] if code == 0 else []


@unittest.skipIf(support.AGAINST_KAFKA, "our own command line")
class TopicCommandTest(support.BrokerTest):
    def setUp(self):
        super().setUp()
        self.broker = self.start_broker()

    def topic(self, command, *arguments):
        return millrace("topic", command, "--bootstrap-server", self.broker.address, *arguments)

    def json(self, command, *arguments):
        code, output, errors = self.topic(command, "--json", *arguments)
        self.assertEqual(code, 0, errors)
        return json.loads(output)

    def test_a_topic_from_birth_to_death(self):
        code, output, errors = self.topic("create", "orders", "--partitions", "3")
        self.assertEqual(code, 0, errors)
        self.assertIn("orders", output)
        self.assertIn("orders", self.topic("list")[1])
        self.assertIn("orders", json.dumps(self.json("list")))
        self.assertIn("orders", self.topic("describe", "orders")[1])
        described = json.dumps(self.json("describe", "orders"))
        self.assertIn("orders", described)
        self.assertIn("partitions", described)
        code, _, errors = self.topic("delete", "orders")
        self.assertEqual(code, 0, errors)
        self.assertNotIn("orders", self.topic("list")[1])

    def test_refusals(self):
        self.assertEqual(self.topic("create", "once")[0], 0)
        for command, name, says in (("create", "once", "exists"), ("create", "a/b", "a/b"),
                                    ("delete", "none", "none"), ("describe", "none", "none")):
            with self.subTest(command=command, name=name):
                code, output, errors = self.topic(command, name)
                self.assertGreater(code, 0, output)
                self.assertIn(says, errors)

    def test_properties_change(self):
        self.assertEqual(self.topic("create", "t", "--config", "flush.ms=9")[0], 0)
        code, output, errors = self.topic("alter", "t", "--config", "retention.ms=60000",
                                          "--config", "segment.ms=7", "--delete-config",
                                          "flush.ms")
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("t", output)
        self.assertEqual(self.json("alter", "t", "--delete-config", "segment.ms"),
                         {"altered": "t"})
        values = ConfigCommandTest.values(self.config_json("--topic", "t"))
        self.assertEqual(values["retention.ms"], ("60000", "topic"))
        self.assertEqual(values["segment.ms"][1], "default")
        self.assertEqual(values["flush.ms"][1], "default")

    def test_partitions_are_added(self):
        self.assertEqual(self.topic("create", "t", "--partitions", "2")[0], 0)
        code, _, errors = self.topic("alter", "t", "--partitions", "5", "--config", "flush.ms=7")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(len(broker_partitions(self.broker, "t")), 5)
        self.assertEqual(len(self.json("describe", "t")["partitions"]), 5)
        values = ConfigCommandTest.values(self.config_json("--topic", "t"))
        self.assertEqual(values["flush.ms"], ("7", "topic"))
        code, _, errors = self.topic("alter", "t", "--partitions", "3")
        self.assertEqual(code, 1)
        self.assertIn("5", errors)

    def test_changes_that_are_refused(self):
        self.assertEqual(self.topic("create", "t")[0], 0)
        for name, arguments, says in (
                ("t", ["--config", "retention.m=1"], "retention.ms"),
                ("t", ["--config", "retention.ms=x"], "retention.ms"),
                ("t", ["--config", "retention.ms"], "name=value"), ("t", [], "--config"),
                ("none", ["--config", "retention.ms=1"], "none"),
                ("t", ["--config", "flush.ms=1", "--delete-config", "flush.ms"], "twice"),
                ("t", ["--partitions", "9", "--config", "retention.ms=x"], "retention.ms")):
            with self.subTest(arguments=arguments):
                code, output, errors = self.topic("alter", name, *arguments)
                self.assertEqual(code, 1, output)
                self.assertIn(says, errors)
                code, output, _ = self.topic("alter", "--json", name, *arguments)
                self.assertEqual(code, 1)
                self.assertIn("error", json.loads(output))
        self.assertEqual(len(broker_partitions(self.broker, "t")), 1)

    def config_json(self, *arguments):
        code, output, errors = millrace("config", "describe", "--json", "--bootstrap-server",
                                        self.broker.address, *arguments)
        self.assertEqual(code, 0, errors)
        return json.loads(output)

    def test_nobody_listens(self):
        port = support.free_port()
        code, _, errors = millrace("topic", "list", "--bootstrap-server", f"127.0.0.1:{port}")
        self.assertGreater(code, 0)
        self.assertIn(str(port), errors)


@unittest.skipIf(support.AGAINST_KAFKA, "our own command line")
class ConfigCommandTest(support.BrokerTest):
    def setUp(self):
        super().setUp()
        self.broker = self.start_broker()

    def config(self, command, *arguments):
        return millrace("config", command, "--bootstrap-server", self.broker.address, *arguments)

    @staticmethod
    def values(described):
        return {entry["name"]: (entry["value"], entry["source"])
                for entry in described["configs"]}

    def described(self, *target):
        code, output, errors = self.config("describe", "--json", *target)
        self.assertEqual(code, 0, errors)
        return json.loads(output)

    def test_wrong_usage(self):
        for arguments in (["describe"], ["alter", "--config", "a=b"],
                          ["describe", "--topic", "t", "--broker", "1"], ["describe", "--broker"],
                          []):
            with self.subTest(arguments=arguments):
                code, output, errors = millrace("config", *arguments)
                self.assertEqual(code, 2, output + errors)

    def test_refusals(self):
        for arguments, says in ((["describe", "--topic", "none"], "none"),
                                (["describe", "--broker", "7"], "7"),
                                (["alter", "--broker", "1"], "--config"),
                                (["alter", "--broker", "1", "--config", "num.partitions=2"],
                                 "num.partitions"),
                                (["alter", "--broker", "7", "--config", "log.roll.ms=2"], "7"),
                                (["alter", "--broker-default", "--config", "log.rol.ms=2"],
                                 "log.roll.ms"),
                                (["alter", "--topic", "none", "--config", "flush.ms=2"], "none")):
            with self.subTest(arguments=arguments):
                code, output, errors = self.config(*arguments)
                self.assertEqual(code, 1, output)
                self.assertIn(says, errors)
                code, output, _ = self.config(*arguments, "--json")
                self.assertEqual(code, 1)
                self.assertIn(says, json.loads(output)["message"])

    def test_a_broker_default_reaches_a_topic_and_survives_a_restart(self):
        wire.create_topic(self.broker, "t", 1)
        code, output, errors = self.config("alter", "--broker-default", "--config",
                                           "message.max.bytes=2000000")
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("all brokers", output)
        self.broker.stop()
        self.broker.start()
        self.assertEqual(self.values(self.described("--topic", "t"))["max.message.bytes"],
                         ("2000000", "all brokers, changed"))
        self.assertEqual(self.values(self.described("--broker-default")),
                         {"message.max.bytes": ("2000000", "all brokers, changed")})
        code, output, _ = self.config("alter", "--json", "--broker", "1", "--config",
                                      "message.max.bytes=3000000")
        self.assertEqual((code, json.loads(output)), (0, {"broker": "1", "altered": True}))
        broker = self.described("--broker", "1")
        self.assertEqual(self.values(broker)["message.max.bytes"], ("3000000", "broker, changed"))
        [entry] = [entry for entry in broker["configs"] if entry["name"] == "message.max.bytes"]
        self.assertEqual([synonym["value"] for synonym in entry["synonyms"]],
                         ["3000000", "2000000", "1048588"])
        self.assertEqual((entry["type"], entry["readOnly"]), ("int", False))
        code, output, _ = self.config("describe", "--broker", "1")
        self.assertRegex(output, r"(?m)^message.max.bytes +3000000 +broker, changed$")


if __name__ == "__main__":
    support.main()

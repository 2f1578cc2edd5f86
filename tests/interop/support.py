"""A broker in its own directory and on a free port, for the interop tests.

`Broker` starts build/release/bin/millrace; with MILLRACE_TEST_BROKER=kafka the same tests run
against Apache Kafka (README.md), which is how they are validated.
"""

import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
INTEROP_DIR = os.environ.get("MILLRACE_INTEROP_DIR", os.path.join(ROOT, "build", "interop"))
MILLRACE = os.environ.get("MILLRACE_BIN", os.path.join(ROOT, "build", "release", "bin", "millrace"))
SHARDS = os.environ.get("MILLRACE_SHARDS", "1")
VENV_DIR = os.path.join(INTEROP_DIR, "venv")
PYTHON_CLIENTS_DIR = os.path.join(INTEROP_DIR, "python")
JS_DIR = os.path.join(INTEROP_DIR, "js")
GO_DIR = os.path.join(INTEROP_DIR, "go")
JAVA_DIR = os.path.join(INTEROP_DIR, "java")
JAVA39_DIR = os.path.join(INTEROP_DIR, "kafka-clients-3.9.2")
JAVA_CLASS_PATH = os.path.join(JAVA_DIR, "classes") + ":" + os.path.join(JAVA_DIR, "libs", "*")
AGAINST_KAFKA = os.environ.get("MILLRACE_TEST_BROKER") == "kafka"

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60
SKIPPED = 77  # CTest's SKIP_RETURN_CODE.


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=60):
    """Polls until `condition()` is true; returns its value, or fails after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


class Broker:
    """One broker process at a time, on the same data directory and port through restarts."""

    def __init__(self, folder, settings=None):
        self.data_dir = os.path.join(folder, "data")
        self.output_path = os.path.join(folder, "broker.out")
        self.settings = dict(settings or {})
        self.port = free_port()
        self.process = None
        self._output_start = 0  # where the present process's output begins

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def command(self):
        command = [MILLRACE, "serve", "--data-dir", self.data_dir, "--listen", self.address]
        command += ["--set", f"num.shards={SHARDS}"]
        for name, value in self.settings.items():
            command += ["--set", f"{name}={value}"]
        return command

    def launch(self):
        """Starts the process and does not wait until it serves."""
        with open(self.output_path, "ab") as output:
            self._output_start = output.tell()
            self.process = subprocess.Popen(self.command(), stdout=output, stderr=output,
                                            stdin=subprocess.DEVNULL)

    def start(self):
        self.launch()
        wait_until(self._started, f"a broker on {self.address}", START_SECONDS_MAX)
        return self

    def _started(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the broker ended with {self.process.returncode}:\n"
                                 f"{self.output()}")
        return self.accepts()

    def accepts(self):
        """Whether it has printed its one line, which it does when it serves."""
        return f"listening on {self.address}" in self.output()

    def output(self):
        """What the present process has printed."""
        with open(self.output_path, encoding="utf-8", errors="replace") as file:
            file.seek(self._output_start)
            return file.read()

    def kill9(self):
        """Kills the process as a crash would, and waits until it is gone."""
        self.process.kill()
        self.process.wait()

    def stop(self, how=signal.SIGTERM):
        """Asks the process to end; returns its exit code."""
        self.process.send_signal(how)
        try:
            return self.process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"no end {STOP_SECONDS_MAX} s after {how.name}:\n"
                                 f"{self.output()}") from None

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill9()

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def partition_dir(self, topic, partition):
        return os.path.join(self.data_dir, f"{topic}-{partition}")

    def partition_files(self, topic, partition, suffix):
        return sorted(glob.glob(os.path.join(self.partition_dir(topic, partition), "*" + suffix)))


class KafkaBroker(Broker):
    """Apache Kafka in place of ours: one KRaft node from the jars that setup.py fetched."""

    java_options = ("-Xmx700m",)

    def command(self):
        java = ["java", *self.java_options, "-cp", JAVA_CLASS_PATH]
        properties = os.path.join(os.path.dirname(self.data_dir), "server.properties")
        if not os.path.exists(properties):
            controller = f"127.0.0.1:{free_port()}"
            values = {
                "process.roles": "broker,controller", "node.id": 1,
                "controller.quorum.voters": f"1@{controller}", "log.dirs": self.data_dir,
                "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
                "controller.listener.names": "CONTROLLER", "offsets.topic.replication.factor": 1,
                **self.settings,
            }
            with open(properties, "w", encoding="utf-8") as file:
                file.writelines(f"{name}={value}\n" for name, value in values.items())
            subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t",
                            "bWlsbHJhY2UtaW50ZXJvcA", "-c", properties], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return [*java, "kafka.Kafka", properties]

    def accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return True
        except OSError:
            return False


class BrokerTest(unittest.TestCase):
    """A test case with a scratch directory and brokers that end with it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="millrace-interop-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start_broker(self, **settings):
        """Starts a broker; property names are written with "_" for "."."""
        kind = KafkaBroker if AGAINST_KAFKA else Broker
        named = {name.replace("_", "."): value for name, value in settings.items()}
        broker = kind(self.folder, named)
        self.addCleanup(broker.close)
        return broker.start()

    def path(self, name):
        return os.path.join(self.folder, name)


def require_confluent():
    try:
        import confluent_kafka  # pylint: disable=import-outside-toplevel,unused-import
    except ImportError as error:
        raise unittest.SkipTest(f"confluent-kafka is not available: {error}") from error


def require_java():
    if not os.path.exists(os.path.join(JAVA_DIR, "stamp")):
        raise unittest.SkipTest("Kafka's Java client is not available (see interop_setup)")


def require_kcat():
    if shutil.which("kcat") is None:
        raise unittest.SkipTest("kcat is not installed")


def main():
    """Runs the tests of the calling program; says what was skipped, and CTest if it was all."""
    result = unittest.main(module="__main__", exit=False, verbosity=2).result
    for test, reason in result.skipped:
        print(f"SKIPPED: {test}: {reason}")
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if result.testsRun <= len(result.skipped) else 0)

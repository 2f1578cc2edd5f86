"""`millrace log dump` and `millrace log verify` on directories that real clients filled."""

import glob
import json
import os
import pty
import re
import select
import subprocess
import unittest

import support
import wire
from clients import CODECS, Kcat, Record, run

OPERATIONS = os.path.join(support.ROOT, "docs", "operations.md")
SECTION = re.compile(r"^## Looking at the files\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


def log(command, *arguments):
    """Returns exit code, stdout and stderr."""
    done = subprocess.run([support.MILLRACE, "log", command, *arguments], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def contents(folder):
    """Every file below with its bytes and the time of its last change."""
    found = {}
    for path in glob.glob(os.path.join(folder, "**"), recursive=True, include_hidden=True):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                found[path] = (file.read(), os.stat(path).st_mtime_ns)
    return found


@unittest.skipIf(support.AGAINST_KAFKA, "our own tools")
class LogToolsTest(support.BrokerTest):
    def setUp(self):
        support.require_kcat()
        super().setUp()
        self.broker = self.start_broker(offsets_topic_num_partitions=1)

    def produce(self, topic, count, words=20, **settings):
        records = [Record(partition=0, key=b"key-%d" % i, value=b"value %d " % i * words,
                          headers=(("h", b"one"),)) for i in range(count)]
        records[5] = records[5]._replace(value=b"\xff\x01")
        Kcat.produce(self.broker, topic, records,
                     {"batch.num.messages": 20, "enable.idempotence": "true", **settings})
        return records

    def fill(self):
        wire.create_topic(self.broker, "orders", 2, segment_bytes=1 << 20)
        for codec in CODECS:
            self.produce("orders", 300, words=900, **{"compression.codec": codec})

    def verify(self, *arguments, code=0):
        """The findings and the totals."""
        status, output, errors = log("verify", "--json", self.broker.data_dir, *arguments)
        self.assertEqual(status, code, output + errors)
        self.assertEqual(errors, "", "no terminal, no progress")
        lines = [json.loads(line) for line in output.splitlines()]
        return lines[:-1], lines[-1]

    def dump(self, *arguments, code=0):
        status, output, errors = log("dump", "--json", *arguments)
        self.assertEqual(status, code, output[-2000:] + errors)
        return [json.loads(line) for line in output.splitlines()]

    def test_a_directory_is_whole_running_stopped_and_killed_and_never_written_to(self):
        self.fill()
        findings, totals = self.verify()
        self.assertEqual([f["kind"] for f in findings], ["unclean-stop"], findings)
        self.assertIn("a broker is using it", findings[0]["message"])
        self.broker.stop()
        before = contents(self.broker.data_dir)
        findings, totals = self.verify()
        self.assertEqual(findings, [])
        self.assertGreaterEqual(totals["records"], 1500)
        self.assertGreater(totals["segments"], 3)
        self.assertEqual(contents(self.broker.data_dir), before)
        self.broker.start()
        self.produce("orders", 500)
        self.broker.kill9()
        before = contents(self.broker.data_dir)
        findings, totals = self.verify()
        self.assertEqual({f["severity"] for f in findings}, {"notice"}, findings)
        self.assertGreaterEqual(totals["records"], 2000)
        self.assertEqual(contents(self.broker.data_dir), before)

    def test_damage_is_found_and_passed_over(self):
        self.fill()
        self.broker.stop()
        path = self.broker.partition_files("orders", 0, ".log")[1]
        batches = self.dump(path)
        hurt = batches[2]
        with open(path, "r+b") as file:
            file.seek(hurt["position"] + 100)
            byte = file.read(1)
            file.seek(hurt["position"] + 100)
            file.write(bytes([byte[0] ^ 1]))
        findings, totals = self.verify(code=1)
        self.assertEqual([(f["kind"], f["path"], f["position"]) for f in findings],
                         [("crc", path, hurt["position"])])
        self.assertEqual(totals["errors"], 1)
        dumped = self.dump(path, code=1)
        self.assertEqual([line["type"] for line in dumped].count("damage"), 1)
        self.assertEqual([b for b in dumped if b["type"] == "batch"], batches[:2] + batches[3:])
        status, output, _ = log("verify", os.path.dirname(path))
        self.assertEqual(status, 1)
        self.assertRegex(output, rf"(?m)^ERROR +{path} at position {hurt['position']} .*\[crc\]$")
        self.assertIn("1 errors, 0 notices", output)

    def test_a_torn_tail(self):
        self.fill()
        self.broker.kill9()
        path = self.broker.partition_files("orders", 0, ".log")[-1]
        with open(path, "ab") as file:
            file.write(b"\0\1\2\3" * 30)
        findings, _ = self.verify()
        torn = [f for f in findings if f["kind"] == "torn-tail"]
        self.assertEqual(len(torn), 1)
        self.assertTrue(torn[0]["message"].startswith("120 bytes will be cut at the next start"))
        self.assertEqual(self.dump(path, code=1)[-1]["type"], "damage")

    def test_records_come_out_as_they_went_in(self):
        wire.create_topic(self.broker, "few", 1)
        sent = self.produce("few", 200, **{"compression.codec": "zstd"})
        folder = self.broker.partition_dir("few", 0)
        lines = [line for line in self.dump("--records", folder) if line["type"] == "record"]
        self.assertEqual([line["offset"] for line in lines], list(range(200)))
        self.assertEqual(lines.pop(5)["valueBase64"], "/wE=")
        self.assertEqual([(line["key"], line["value"]) for line in lines],
                         [(r.key.decode(), r.value.decode()) for r in sent[:5] + sent[6:]])
        self.assertEqual(lines[0]["headers"], [{"key": "h", "value": "one"}])
        part = self.dump("--records", "--from", "10", "--to", "12", "--max-bytes", "5", folder)
        part = [line for line in part if line["type"] == "record"]
        self.assertEqual([line["offset"] for line in part], [10, 11, 12])
        self.assertEqual((part[0]["value"], part[0]["valueBytes"]), ("value", len(sent[10].value)))
        limited = self.dump("--records", "--limit", "7", folder)
        self.assertEqual([line["type"] for line in limited].count("record"), 7)
        _, text, _ = log("dump", "--records", "--limit", "6", folder)
        self.assertRegex(text, r"position 0: offsets 0\.\.\d+, \d+ records, \d+ bytes, zstd, "
                               r"created 20\d\d-.*producer \d+ epoch 0 sequence 0")
        self.assertIn(r"key: key-0, value: value 0 ", text)
        self.assertIn(r"key: key-5, value: \xff\x01, header h: one", text)

    def test_internal_topics_are_decoded(self):
        wire.create_topic(self.broker, "read", 1)
        self.produce("read", 10)
        run(Kcat.command(self.broker, "-G", "readers", "-e", "-q", "-X",
                         "auto.offset.reset=earliest", "read"))
        self.broker.stop()
        records = [line for line in self.dump("--records",
                                              self.broker.partition_dir("__consumer_offsets", 0))
                   if line["type"] == "record"]
        decoded = [record["decoded"] for record in records]
        offsets = [d for d in decoded if d["kind"] == "offset" and d["value"] is not None]
        self.assertEqual((offsets[-1]["group"], offsets[-1]["value"]["offset"]), ("readers", 10))
        states = [d["value"]["state"] for d in decoded if d["kind"] == "group" and d["value"]]
        self.assertIn("STABLE", states)
        metadata = os.path.join(self.broker.data_dir, "__millrace_metadata-0")
        operations = [operation for line in self.dump("--records", metadata)
                      if line["type"] == "record" for operation in line["decoded"]["operations"]]
        [topic] = [operation["value"] for operation in operations
                   if operation["key"] == "topics/read"]
        self.assertEqual(topic["partitions"][0]["leader"], 1)
        _, text, _ = log("dump", "--records", metadata)
        self.assertIn('"key":"topics/read"', text)

    def test_the_small_files(self):
        self.fill()
        self.broker.stop()
        folder = self.broker.partition_dir("orders", 0)
        for suffix, member in ((".index", "position"), (".timeindex", "timestamp"),
                               (".snapshot", "producerId")):
            paths = self.broker.partition_files("orders", 0, suffix)
            entries = self.dump(*paths)
            self.assertTrue(entries and all(member in entry for entry in entries), suffix)
        [epoch] = self.dump(os.path.join(folder, "leader-epoch-checkpoint"))
        self.assertEqual((epoch["epoch"], epoch["startOffset"]), (0, 0))
        self.assertEqual(len(self.dump(os.path.join(folder, "partition.metadata"))), 1)
        [identity] = self.dump(os.path.join(self.broker.data_dir, "meta.properties"))
        self.assertEqual(identity["nodeId"], 1)
        points = self.dump(os.path.join(self.broker.data_dir, "recovery-point-offset-checkpoint"))
        self.assertIn(("orders", 0, 1500),
                      [(p["topic"], p["partition"], p["offset"]) for p in points])

    def test_what_cannot_be_looked_at(self):
        self.broker.stop()
        for arguments in (("verify", self.path("nowhere")), ("verify", self.folder),
                          ("dump", self.path("nowhere")), ("dump", self.broker.output_path),
                          ("dump", self.broker.data_dir), ("dump",), ("verify", "--no-such")):
            with self.subTest(arguments=arguments):
                status, _, errors = log(*arguments)
                self.assertEqual(status, 2)
                self.assertNotEqual(errors, "")

    def test_progress_on_a_terminal_alone(self):
        self.fill()
        self.broker.stop()

        def on_terminal(*arguments):
            ours, theirs = pty.openpty()
            try:
                done = subprocess.run([support.MILLRACE, "log", "verify", *arguments,
                                       self.broker.data_dir], stdout=subprocess.PIPE,
                                      stderr=theirs, stdin=subprocess.DEVNULL, timeout=60,
                                      check=False)
                self.assertEqual(done.returncode, 0)
                ready, _, _ = select.select([ours], [], [], 0)
                return os.read(ours, 65536).decode() if ready else ""
            finally:
                os.close(ours)
                os.close(theirs)

        self.assertRegex(on_terminal(), r"\[[#.]{24}\] +\d+%  \d+ of \d+ MB  \d+ MB/s  \d+ s left")
        self.assertEqual(on_terminal("--quiet"), "")

    def test_the_commands_of_the_documentation(self):
        self.fill()
        self.broker.stop()
        with open(OPERATIONS, encoding="utf-8") as file:
            section = SECTION.search(file.read()).group(1)
        commands = [line for block in BLOCK.findall(section) for line in block.splitlines()
                    if line.startswith("millrace ")]
        self.assertGreater(len(commands), 3)
        for command in commands:
            with self.subTest(command=command):
                words = command.replace("/srv/millrace", self.broker.data_dir).split()
                done = run([support.MILLRACE, *words[1:]])
                self.assertNotEqual(done.stdout, b"")


if __name__ == "__main__":
    support.main()

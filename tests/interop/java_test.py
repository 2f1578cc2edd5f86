"""Kafka's Java client 4.3.0 with its defaults: idempotent producer, consumer by assign, Admin."""

import support
import wire
from clients import CODECS, Java, Record, run

BASE_MS = 1_700_000_000_000


class JavaTest(support.BrokerTest):
    def setUp(self):
        support.require_java()
        super().setUp()
        self.broker = self.start_broker()

    def records(self, count, partitions=1):
        return [Record(partition=i % partitions, timestamp=BASE_MS + 10 * i, key=b"\0key\xff%d" % i,
                       value=b"%d: the same words again and again " % i * 20,
                       headers=(("number", b"%d" % i), ("none", None)))
                for i in range(count)]

    def check(self, topic, sent):
        got = Java.consume(self.broker, topic)
        self.assertEqual(len(got), len(sent))
        for partition in {r.partition for r in sent}:
            wanted = [r for r in sent if r.partition == partition]
            found = [r for r in got if r.partition == partition]
            self.assertEqual([r.offset for r in found], list(range(len(wanted))))
            self.assertEqual([r._replace(offset=None) for r in found], wanted)

    def test_defaults_and_every_codec(self):
        for codec, code in CODECS.items():
            with self.subTest(codec=codec):
                wire.create_topic(self.broker, codec, 3)
                sent = self.records(900, 3)
                # "none" is the default: that run sets nothing at all.
                settings = {} if codec == "none" else {"compression.type": codec}
                delivered = Java.produce(self.broker, codec, sent, settings)
                self.assertEqual(sorted(delivered), [(p, o) for p in range(3) for o in range(300)])
                self.check(codec, sent)
                for partition in range(3):
                    [segment] = self.broker.partition_files(codec, partition, ".log")
                    self.assertEqual({b[1] for b in wire.read_batches(segment)}, {code})

    def test_acks_and_no_idempotence(self):
        for acks in ("0", "1"):
            with self.subTest(acks=acks):
                wire.create_topic(self.broker, f"acks-{acks}", 1)
                Java.produce(self.broker, f"acks-{acks}", self.records(100), {"acks": acks})
                support.wait_until(
                    lambda t=f"acks-{acks}": len(Java.consume(self.broker, t)) == 100, "records")
                self.check(f"acks-{acks}", self.records(100))

    def test_null_and_empty_keys_and_values(self):
        wire.create_topic(self.broker, "nulls", 1)
        sent = [Record(partition=0, timestamp=BASE_MS, key=key, value=value)
                for key in (None, b"", b"k") for value in (None, b"", b"v")]
        Java.produce(self.broker, "nulls", sent)
        self.check("nulls", sent)

    def test_offsets_for_times(self):
        wire.create_topic(self.broker, "times", 2)
        Java.produce(self.broker, "times", self.records(100, 2))
        for timestamp, expected in [
                (0, [f"0\t0\t{BASE_MS}", f"1\t0\t{BASE_MS + 10}"]),
                (BASE_MS + 201, [f"0\t11\t{BASE_MS + 220}", f"1\t10\t{BASE_MS + 210}"]),
                (BASE_MS + 990, ["0\t-", f"1\t49\t{BASE_MS + 990}"]),
                (BASE_MS + 10_000, ["0\t-", "1\t-"])]:
            done = run(Java.command("offsets-for-times", self.broker, "times", str(timestamp)))
            self.assertEqual(done.stdout.decode().splitlines(), expected)

    def test_administration(self):
        lines = run(Java.command("admin", self.broker, "managed")).stdout.decode().splitlines()
        facts = dict(line.split("=", 1) for line in lines)
        self.assertEqual(facts["create_again"], "TopicExistsException")
        self.assertEqual((facts["partitions"], facts["internal"]), ("3", "false"))
        self.assertEqual((facts["nodes"], facts["listed"], facts["listed_after"]),
                         ("1", "true", "false"))
        self.assertEqual(facts["leader"], facts["controller"])
        self.assertNotEqual(facts["topic_id"], "AAAAAAAAAAAAAAAAAAAAAA")
        self.assertTrue(facts["cluster_id"])


if __name__ == "__main__":
    support.main()

"""The newest confluent-kafka from PyPI produces, consumes by assign, and administers."""

import client_suite
import support
import wire
from clients import CODECS, Confluent, Record

BASE_MS = 1_700_000_000_000
ConfluentSuite = client_suite.of("confluent")


class ConfluentTest(support.BrokerTest):
    def setUp(self):
        support.require_confluent()
        super().setUp()
        self.broker = self.start_broker()

    def records(self, count, partitions=1):
        return [Record(partition=i % partitions, timestamp=BASE_MS + 10 * i, key=b"\0key\xff%d" % i,
                       value=b"%d: the same words again and again " % i * 20,
                       headers=(("number", b"%d" % i), ("bytes", b"\0\xff"), ("none", None)))
                for i in range(count)]

    def check(self, topic, sent):
        got = Confluent.consume(self.broker, topic)
        for partition in {r.partition for r in sent}:
            wanted = [r for r in sent if r.partition == partition]
            found = [r for r in got if r.partition == partition]
            self.assertEqual([r.offset for r in found], list(range(len(wanted))))
            self.assertEqual([r._replace(offset=None) for r in found], wanted)
        self.assertEqual(len(got), len(sent))

    def test_every_codec_plain_and_idempotent(self):
        for codec, code in CODECS.items():
            for idempotent in (False, True):
                with self.subTest(codec=codec, idempotent=idempotent):
                    topic = f"{codec}-{idempotent}"
                    wire.create_topic(self.broker, topic, 3)
                    sent = self.records(900, 3)
                    delivered = Confluent.produce(self.broker, topic, sent, {
                        "compression.type": codec, "enable.idempotence": idempotent})
                    self.assertEqual(sorted(delivered),
                                     [(p, o) for p in range(3) for o in range(300)])
                    self.check(topic, sent)
                    for partition in range(3):
                        [segment] = self.broker.partition_files(topic, partition, ".log")
                        self.assertEqual({b[1] for b in wire.read_batches(segment)}, {code})

    def test_null_and_empty_keys_and_values(self):
        wire.create_topic(self.broker, "nulls", 1)
        sent = [Record(partition=0, timestamp=BASE_MS, key=key, value=value)
                for key in (None, b"", b"k") for value in (None, b"", b"v")]
        Confluent.produce(self.broker, "nulls", sent)
        self.check("nulls", sent)

    def test_a_transactional_producer_is_refused_at_once_and_for_good(self):
        import confluent_kafka
        producer = confluent_kafka.Producer({"bootstrap.servers": self.broker.address,
                                             "transactional.id": "transfers"})
        with self.assertRaises(confluent_kafka.KafkaException) as raised:
            producer.init_transactions(60)
        error = raised.exception.args[0]
        self.assertEqual(error.name(), "TRANSACTIONAL_ID_AUTHORIZATION_FAILED")
        self.assertTrue(error.fatal())

    def test_acks(self):
        for acks in (0, 1, "all"):
            with self.subTest(acks=acks):
                topic = f"acks-{acks}"
                wire.create_topic(self.broker, topic, 1)
                sent = self.records(100)
                Confluent.produce(self.broker, topic, sent, {"acks": acks})
                support.wait_until(
                    lambda t=topic: len(Confluent.consume(self.broker, t)) == 100, "100 records")
                self.check(topic, sent)

    def test_offsets_for_times_and_watermarks(self):
        from confluent_kafka import OFFSET_END, TopicPartition
        wire.create_topic(self.broker, "times", 2)
        Confluent.produce(self.broker, "times", self.records(100, 2))
        consumer, _ = Confluent.open(self.broker, "times")
        self.addCleanup(consumer.close)

        def at(timestamp):
            asked = [TopicPartition("times", p, timestamp) for p in range(2)]
            return [found.offset for found in consumer.offsets_for_times(asked, 60)]

        self.assertEqual(at(0), [0, 0])
        self.assertEqual(at(BASE_MS + 200), [10, 10])
        self.assertEqual(at(BASE_MS + 201), [11, 10])
        self.assertEqual(at(BASE_MS + 10_000), [OFFSET_END, OFFSET_END])
        self.assertEqual(consumer.get_watermark_offsets(TopicPartition("times", 0), 60), (0, 50))

    def test_a_consumer_waits_for_what_comes(self):
        wire.create_topic(self.broker, "waits", 1)
        consumer, _ = Confluent.open(self.broker, "waits",
                                     settings={"fetch.wait.max.ms": 10_000})
        self.addCleanup(consumer.close)
        self.assertIsNotNone(consumer.poll(60).error(), "the end of the empty partition")
        for round_number in range(3):
            Confluent.produce(self.broker, "waits",
                              [Record(partition=0, value=b"%d" % round_number)])
            message = consumer.poll(60)
            while message is not None and message.error() is not None:
                message = consumer.poll(60)
            self.assertEqual(message.value(), b"%d" % round_number)

    def test_an_offset_out_of_range_is_reset(self):
        wire.create_topic(self.broker, "range", 1)
        Confluent.produce(self.broker, "range", self.records(10))
        consumer, _ = Confluent.open(self.broker, "range", offset=1000,
                                     settings={"auto.offset.reset": "earliest"})
        self.addCleanup(consumer.close)
        self.assertEqual(consumer.poll(60).offset(), 0)

    def test_administration(self):
        from confluent_kafka import KafkaError, KafkaException
        from confluent_kafka.admin import AdminClient, NewTopic
        admin = AdminClient({"bootstrap.servers": self.broker.address})
        wanted = [NewTopic("one", 2, 1, config={"retention.ms": "60000"}), NewTopic("two", 5, 1)]
        for future in admin.create_topics(wanted, request_timeout=60).values():
            future.result(60)
        topics = admin.list_topics(timeout=60).topics
        self.assertEqual((len(topics["one"].partitions), len(topics["two"].partitions)), (2, 5))

        refusals = [(NewTopic("one", 1, 1), KafkaError.TOPIC_ALREADY_EXISTS),
                    (NewTopic("a/b", 1, 1), KafkaError.TOPIC_EXCEPTION),
                    (NewTopic("many", 0, 1), KafkaError.INVALID_PARTITIONS),
                    (NewTopic("copies", 1, 3), KafkaError.INVALID_REPLICATION_FACTOR),
                    (NewTopic("config", 1, 1, config={"no.such": "1"}), KafkaError.INVALID_CONFIG)]
        for topic, error in refusals:
            with self.subTest(topic=topic.topic), self.assertRaises(KafkaException) as raised:
                admin.create_topics([topic])[topic.topic].result(60)
            self.assertEqual(raised.exception.args[0].code(), error)

        cluster = admin.describe_cluster().result(60)
        self.assertEqual([(n.host, n.port) for n in cluster.nodes],
                         [("127.0.0.1", self.broker.port)])
        self.assertEqual(cluster.controller.id, cluster.nodes[0].id)
        self.assertTrue(cluster.cluster_id)

        admin.delete_topics(["one"])["one"].result(60)
        support.wait_until(lambda: "one" not in admin.list_topics(timeout=60).topics, "deletion")
        self.assertIn("two", admin.list_topics(timeout=60).topics)
        with self.assertRaises(KafkaException) as raised:
            admin.delete_topics(["one"])["one"].result(60)
        self.assertEqual(raised.exception.args[0].code(), KafkaError.UNKNOWN_TOPIC_OR_PART)
        # The same name starts again, empty.
        admin.create_topics([NewTopic("one", 1, 1)])["one"].result(60)
        Confluent.produce(self.broker, "one", self.records(5))
        self.check("one", self.records(5))


if __name__ == "__main__":
    support.main()

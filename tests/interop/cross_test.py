"""Each of three clients consumes what each of the three produced: the same records to the byte."""

import time

import support
import wire
from clients import CODECS, Confluent, Java, Kcat, Record

BASE_MS = 1_700_000_000_000
CLIENTS = (Kcat, Confluent, Java)


class CrossTest(support.BrokerTest):
    def setUp(self):
        support.require_kcat()
        support.require_confluent()
        support.require_java()
        super().setUp()
        self.broker = self.start_broker()

    @staticmethod
    def records(producer):
        """Text that all three can carry; with timestamps where the client can set them."""
        return [Record(partition=partition, key=f"schlüssel-{partition}-{i}".encode(),
                       timestamp=BASE_MS + 1000 * i if producer.takes_timestamps else None,
                       value=(f"{i} grün, 緑, \"quoted\" \\ " * (1 + i % 30)).encode(),
                       headers=(("producer", producer.name.encode()), ("zwei", "ü".encode())))
                for partition in range(2) for i in range(200)]

    def test_nine_pairs(self):
        for producer in CLIENTS:
            for codec in CODECS:
                topic = f"{producer.name}-{codec}"
                wire.create_topic(self.broker, topic, 2)
                sent = self.records(producer)
                earliest_ms = int(time.time() * 1000)
                producer.produce(self.broker, topic, sent, {"compression.type": codec})
                latest_ms = int(time.time() * 1000)
                seen = {}
                for consumer in CLIENTS:
                    with self.subTest(codec=codec, producer=producer.name, consumer=consumer.name):
                        got = sorted(consumer.consume(self.broker, topic))
                        self.assertEqual([r.offset for r in got], [*range(200), *range(200)])
                        self.assertEqual([r._replace(offset=None, timestamp=None) for r in got],
                                         [r._replace(timestamp=None) for r in sent])
                        for record, wanted in zip(got, sent):
                            low, high = ((earliest_ms, latest_ms) if wanted.timestamp is None
                                         else (wanted.timestamp, wanted.timestamp))
                            self.assertTrue(low <= record.timestamp <= high, record.timestamp)
                        seen[consumer.name] = got
                self.assertEqual(seen["kcat"], seen["confluent"])
                self.assertEqual(seen["kcat"], seen["java"])


if __name__ == "__main__":
    support.main()

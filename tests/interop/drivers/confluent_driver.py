"""A driver for confluent-kafka, the newest or Debian's 1.7.0 (README.md has the protocol)."""

import sys

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

import lines
from confluent_member import ConfluentMember

SECONDS_MAX = 60


def code_of(error):
    fault = error.args[0] if error.args else None
    return fault.code() if isinstance(fault, KafkaError) else -1


class Confluent:
    def __init__(self, bootstrap):
        self.servers = {"bootstrap.servers": bootstrap}
        self.admin = AdminClient(self.servers)

    def hello(self):
        yield confluent_kafka.version()[0], confluent_kafka.libversion()[0]

    def produce(self, topic, records, codec, **settings):
        producer = confluent_kafka.Producer({**self.servers, "compression.type": codec,
                                             "linger.ms": 5, "message.timeout.ms": 30_000,
                                             **settings})
        placed = [None] * len(records)

        def report(number, error, message):
            placed[number] = error or (message.partition(), message.offset())

        for number, record in enumerate(records):
            timestamp = {} if record.timestamp is None else {"timestamp": record.timestamp}
            producer.produce(topic, record.value, record.key, record.partition,
                             headers=record.headers, **timestamp,
                             on_delivery=lambda e, m, n=number: report(n, e, m))
        if producer.flush(SECONDS_MAX):
            raise RuntimeError("records are left undelivered")
        for place in placed:
            if isinstance(place, KafkaError):
                raise KafkaException(place)
        return placed

    def consumer(self, **settings):
        return confluent_kafka.Consumer({**self.servers, "group.id": "unused",
                                         "enable.auto.commit": False,
                                         "auto.offset.reset": "earliest", **settings})

    @staticmethod
    def poll(consumer):
        message = consumer.poll(SECONDS_MAX)
        if message is None:
            raise RuntimeError(f"no message in {SECONDS_MAX} s")
        if message.error() is not None:
            raise KafkaException(message.error())
        return message

    @staticmethod
    def line(message):
        return lines.record_line(message.partition(), message.offset(), message.timestamp()[1],
                                 message.key(), message.value(), message.headers() or ())

    def consume(self, topic):
        consumer = self.consumer()
        assigned, left = [], 0
        for partition in consumer.list_topics(topic, SECONDS_MAX).topics[topic].partitions:
            asked = TopicPartition(topic, partition, OFFSET_BEGINNING)
            low, high = consumer.get_watermark_offsets(asked, SECONDS_MAX)
            assigned.append(asked)
            left += high - low
        consumer.assign(assigned)
        found = [self.line(self.poll(consumer)) for _ in range(left)]
        consumer.close()
        return found

    def fetch(self, topic, partition, offset):
        consumer = self.consumer(**{"auto.offset.reset": "error"})
        consumer.assign([TopicPartition(topic, int(partition), int(offset))])
        try:
            return [self.line(self.poll(consumer))]
        finally:
            consumer.close()

    def group(self, topic, group, count):
        consumer = self.consumer(**{"group.id": group})
        consumer.subscribe([topic])
        messages = [self.poll(consumer) for _ in range(int(count))]
        consumer.commit(messages[-1], asynchronous=False)
        consumer.close()
        return [self.line(message) for message in messages]

    def committed(self, topic, group):
        consumer = self.consumer(**{"group.id": group})
        [found] = consumer.committed([TopicPartition(topic, 0)], SECONDS_MAX)
        consumer.close()
        yield (found.offset if found.offset >= 0 else "-",)

    def offset(self, topic, partition, timestamp):
        consumer = self.consumer()
        asked = TopicPartition(topic, int(partition), int(timestamp))
        if int(timestamp) < 0:
            low, high = consumer.get_watermark_offsets(asked, SECONDS_MAX)
            yield (low if timestamp == "-2" else high,)
        else:
            [found] = consumer.offsets_for_times([asked], SECONDS_MAX)
            yield ("-" if found.offset == OFFSET_END else found.offset,)
        consumer.close()

    @staticmethod
    def wait(futures):
        [future] = futures.values()
        return future.result(SECONDS_MAX)

    def create(self, topic, partitions):
        self.wait(self.admin.create_topics([NewTopic(topic, int(partitions), 1)]))

    def list(self):
        return [(name,) for name in self.admin.list_topics(timeout=SECONDS_MAX).topics]

    def describe(self, topic):
        found = self.admin.list_topics(topic, SECONDS_MAX).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        yield (len(found.partitions),)

    def delete(self, topic):
        self.wait(self.admin.delete_topics([topic]))

    def partitions(self, topic, count):
        self.wait(self.admin.create_partitions([NewPartitions(topic, int(count))]))

    def configs(self, topic):
        found = self.wait(self.admin.describe_configs([ConfigResource("topic", topic)]))
        return [(entry.name, entry.value) for entry in found.values()]

    def alter(self, topic, name, value):
        resource = ConfigResource("topic", topic, set_config={name: value})
        self.wait(self.admin.alter_configs([resource]))

    def alter_one(self, topic, name, value):
        from confluent_kafka.admin import AlterConfigOpType, ConfigEntry
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource("topic", topic, incremental_configs=[entry])
        self.wait(self.admin.incremental_alter_configs([resource]))

    def delete_records(self, topic, partition, offset):
        asked = TopicPartition(topic, int(partition), int(offset))
        yield (self.wait(self.admin.delete_records([asked])).low_watermark,)

    def member(self, **settings):
        ConfluentMember(self.servers, settings, code_of).live()

    def groups(self):
        found = self.admin.list_consumer_groups().result(SECONDS_MAX)
        return [(group.group_id,) for group in found.valid]


if __name__ == "__main__":
    lines.serve(Confluent(sys.argv[1]), code_of)

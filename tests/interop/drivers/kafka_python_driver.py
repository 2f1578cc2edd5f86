"""A driver for kafka-python, the newest or Debian's 2.0.2 (README.md has the protocol)."""

import sys

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.structs import OffsetAndMetadata

import lines
from kafka_python_member import KafkaPythonMember

MILLISECONDS_MAX = 60_000
OLD = kafka.__version__.startswith("2.")


def code_of(error):
    return getattr(error, "errno", None) or -1


class KafkaPython:
    def __init__(self, bootstrap, api_version):
        self.settings = {"bootstrap_servers": bootstrap}
        if api_version is not None:
            self.settings["api_version"] = api_version

    def hello(self):
        yield (kafka.__version__,)

    def produce(self, topic, records, codec, **settings):
        producer = KafkaProducer(**self.settings, linger_ms=5, retries=0,
                                 compression_type=None if codec == "none" else codec, **settings)
        sent = [producer.send(topic, record.value, record.key, record.headers, record.partition,
                              record.timestamp) for record in records]
        try:
            producer.flush(MILLISECONDS_MAX // 1000)
            placed = [future.get(MILLISECONDS_MAX // 1000) for future in sent]
        finally:
            producer.close(1)
        return [(place.partition, place.offset) for place in placed]

    def consumer(self, **settings):
        return KafkaConsumer(**self.settings, enable_auto_commit=False,
                             auto_offset_reset=settings.pop("reset", "earliest"), **settings)

    @staticmethod
    def read(consumer, count):
        found = []
        while len(found) < count:
            polled = consumer.poll(MILLISECONDS_MAX, max_records=count - len(found))
            if not polled:
                raise RuntimeError(f"no record in {MILLISECONDS_MAX} ms")
            found += [record for batch in polled.values() for record in batch]
        return found

    @staticmethod
    def line(record):
        return lines.record_line(record.partition, record.offset, record.timestamp, record.key,
                                 record.value, record.headers)

    def consume(self, topic):
        consumer = self.consumer()
        assigned = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
        consumer.assign(assigned)
        lows, highs = consumer.beginning_offsets(assigned), consumer.end_offsets(assigned)
        found = self.read(consumer, sum(highs[p] - lows[p] for p in assigned))
        consumer.close()
        return map(self.line, found)

    def fetch(self, topic, partition, offset):
        consumer = self.consumer(reset="none")
        asked = TopicPartition(topic, int(partition))
        consumer.assign([asked])
        consumer.seek(asked, int(offset))
        try:
            return map(self.line, self.read(consumer, 1))
        finally:
            consumer.close()

    def group(self, topic, group, count):
        consumer = self.consumer(group_id=group)
        consumer.subscribe([topic])
        found = self.read(consumer, int(count))
        next_offset = OffsetAndMetadata(found[-1].offset + 1, *([""] if OLD else ["", -1]))
        consumer.commit({TopicPartition(topic, found[-1].partition): next_offset})
        consumer.close()
        return map(self.line, found)

    def committed(self, topic, group):
        consumer = self.consumer(group_id=group)
        found = consumer.committed(TopicPartition(topic, 0))
        consumer.close()
        yield ("-" if found is None else found,)

    def offset(self, topic, partition, timestamp):
        consumer = self.consumer()
        asked = TopicPartition(topic, int(partition))
        if int(timestamp) < 0:
            find = consumer.beginning_offsets if timestamp == "-2" else consumer.end_offsets
            yield (find([asked])[asked],)
        else:
            found = consumer.offsets_for_times({asked: int(timestamp)})[asked]
            yield ("-" if found is None else found.offset,)
        consumer.close()

    def admin(self):
        return KafkaAdminClient(**self.settings)

    @staticmethod
    def check(errors):
        for error in errors:
            if error:
                raise lines.Refused(error)

    def create(self, topic, partitions):
        self.admin().create_topics([NewTopic(topic, int(partitions), 1)])

    def list(self):
        return [(name,) for name in self.admin().list_topics()]

    def describe(self, topic):
        [found] = self.admin().describe_topics([topic])
        self.check([found["error_code"]])
        yield (len(found["partitions"]),)

    def delete(self, topic):
        self.admin().delete_topics([topic])

    def partitions(self, topic, count):
        if OLD:
            from kafka.admin import NewPartitions
            self.admin().create_partitions({topic: NewPartitions(int(count))})
        else:
            self.admin().create_partitions({topic: int(count)})

    def configs(self, topic):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        if not OLD:
            found = self.admin().describe_configs([resource], config_filter="all")
            return [(name, entry["value"]) for by_name in found.values()
                    for configs in by_name.values() for name, entry in configs.items()]
        [answer] = self.admin().describe_configs([resource])
        [(error, _, _, _, entries)] = answer.resources
        self.check([error])
        return [entry[:2] for entry in entries]

    def alter(self, topic, name, value):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={name: value})
        if OLD:
            self.check(found[0] for found in self.admin().alter_configs([resource]).resources)
        else:
            self.check_results(self.admin().alter_configs([resource], incremental=False))

    def alter_one(self, topic, name, value):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={name: value})
        self.check_results(self.admin().alter_configs([resource], incremental=True))

    @staticmethod
    def check_results(results):
        """The newest admin client hands refusals out as text."""
        for by_name in results.values():
            for result in by_name.values():
                if result != "OK":
                    raise RuntimeError(result)

    def delete_records(self, topic, partition, offset):
        asked = TopicPartition(topic, int(partition))
        found = self.admin().delete_records({asked: int(offset)})[asked]
        yield (found["low_watermark"],)

    def member(self, **settings):
        KafkaPythonMember(self.settings, settings, code_of).live()

    def groups(self):
        if OLD:
            return [(name,) for name, _ in self.admin().list_consumer_groups()]
        return [(group["group_id"],) for group in self.admin().list_groups()]


if __name__ == "__main__":
    VERSION = tuple(map(int, sys.argv[2].split("."))) if len(sys.argv) > 2 else None
    lines.serve(KafkaPython(sys.argv[1], VERSION), code_of)

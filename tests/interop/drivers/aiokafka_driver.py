"""A driver for aiokafka (README.md has the protocol)."""

import asyncio
import sys

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

import lines
from aiokafka_member import AiokafkaMember

MILLISECONDS_MAX = 60_000


def code_of(error):
    return getattr(error, "errno", None) or -1


class Aiokafka:
    """Each command is a coroutine that opens a client, works, and closes it."""

    def __init__(self, bootstrap):
        self.settings = {"bootstrap_servers": bootstrap}
        self.runner = asyncio.Runner() if hasattr(asyncio, "Runner") else asyncio

    def __getattr__(self, name):
        coroutine = getattr(type(self), "do_" + name)
        return lambda **arguments: self.runner.run(coroutine(self, **arguments))

    async def do_hello(self):
        return [(aiokafka.__version__,)]

    async def do_produce(self, topic, records, codec, **settings):
        producer = AIOKafkaProducer(**self.settings, linger_ms=5, **settings,
                                    compression_type=None if codec == "none" else codec)
        await producer.start()
        try:
            sent = [await producer.send(topic, r.value, r.key, r.partition, r.timestamp, r.headers)
                    for r in records]
            placed = [await future for future in sent]
        finally:
            await producer.stop()
        return [(place.partition, place.offset) for place in placed]

    async def with_consumer(self, work, **settings):
        consumer = AIOKafkaConsumer(**self.settings, enable_auto_commit=False,
                                    auto_offset_reset=settings.pop("reset", "earliest"), **settings)
        await consumer.start()
        try:
            return await work(consumer)
        finally:
            await consumer.stop()

    @staticmethod
    async def read(consumer, count):
        found = []
        while len(found) < count:
            polled = await consumer.getmany(timeout_ms=MILLISECONDS_MAX,
                                            max_records=count - len(found))
            if not polled:
                raise RuntimeError(f"no record in {MILLISECONDS_MAX} ms")
            found += [record for batch in polled.values() for record in batch]
        return found

    @staticmethod
    def line(record):
        return lines.record_line(record.partition, record.offset, record.timestamp, record.key,
                                 record.value, record.headers)

    async def do_consume(self, topic):
        async def work(consumer):
            await consumer._client.force_metadata_update()
            assigned = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
            consumer.assign(assigned)
            lows = await consumer.beginning_offsets(assigned)
            highs = await consumer.end_offsets(assigned)
            return await self.read(consumer, sum(highs[p] - lows[p] for p in assigned))
        return map(self.line, await self.with_consumer(work))

    async def do_fetch(self, topic, partition, offset):
        async def work(consumer):
            asked = TopicPartition(topic, int(partition))
            consumer.assign([asked])
            consumer.seek(asked, int(offset))
            return await self.read(consumer, 1)
        return map(self.line, await self.with_consumer(work, reset="none"))

    async def do_group(self, topic, group, count):
        async def work(consumer):
            consumer.subscribe([topic])
            found = await self.read(consumer, int(count))
            last = found[-1]
            await consumer.commit({TopicPartition(topic, last.partition): last.offset + 1})
            return found
        return map(self.line, await self.with_consumer(work, group_id=group))

    async def do_committed(self, topic, group):
        async def work(consumer):
            asked = TopicPartition(topic, 0)
            consumer.assign([asked])
            found = await consumer.committed(asked)
            return [("-" if found is None else found,)]
        return await self.with_consumer(work, group_id=group)

    async def do_offset(self, topic, partition, timestamp):
        async def work(consumer):
            asked = TopicPartition(topic, int(partition))
            if timestamp == "-2":
                return [((await consumer.beginning_offsets([asked]))[asked],)]
            if timestamp == "-1":
                return [((await consumer.end_offsets([asked]))[asked],)]
            found = (await consumer.offsets_for_times({asked: int(timestamp)}))[asked]
            return [("-" if found is None else found.offset,)]
        return await self.with_consumer(work)

    async def administer(self, work):
        admin = AIOKafkaAdminClient(**self.settings)
        await admin.start()
        try:
            return await work(admin)
        finally:
            await admin.close()

    @staticmethod
    def check(errors):
        for error in errors:
            if error:
                raise lines.Refused(error)

    async def do_create(self, topic, partitions):
        answer = await self.administer(
            lambda admin: admin.create_topics([NewTopic(topic, int(partitions), 1)]))
        self.check(error for _, error, *_ in answer.topic_errors)

    async def do_list(self):
        return [(name,) for name in await self.administer(lambda admin: admin.list_topics())]

    async def do_describe(self, topic):
        [found] = await self.administer(lambda admin: admin.describe_topics([topic]))
        self.check([found["error_code"]])
        return [(len(found["partitions"]),)]

    async def do_delete(self, topic):
        answer = await self.administer(lambda admin: admin.delete_topics([topic]))
        self.check(error for _, error, *_ in answer.topic_error_codes)

    async def do_partitions(self, topic, count):
        await self.administer(
            lambda admin: admin.create_partitions({topic: NewPartitions(int(count))}))

    async def do_configs(self, topic):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        [answer] = await self.administer(lambda admin: admin.describe_configs([resource]))
        [(error, _, _, _, entries, *_)] = answer.resources
        self.check([error])
        return [entry[:2] for entry in entries]

    async def do_alter(self, topic, name, value):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={name: value})
        [answer] = await self.administer(lambda admin: admin.alter_configs([resource]))
        self.check(found[0] for found in answer.resources)

    async def do_delete_records(self, topic, partition, offset):
        asked = TopicPartition(topic, int(partition))
        found = await self.administer(
            lambda admin: admin.delete_records({asked: RecordsToDelete(int(offset))}))
        return [(found[asked],)]

    async def do_member(self, **settings):
        await AiokafkaMember(self.settings, settings, code_of).live()

    async def do_groups(self):
        found = await self.administer(lambda admin: admin.list_consumer_groups())
        return [(group[0],) for group in found]


if __name__ == "__main__":
    lines.serve(Aiokafka(sys.argv[1]), code_of)

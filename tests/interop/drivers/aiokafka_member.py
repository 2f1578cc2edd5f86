"""A member of a shared group with aiokafka (README.md has the protocol)."""

import asyncio
import importlib

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

import members

ASSIGNORS = {"range": "RangePartitionAssignor", "roundrobin": "RoundRobinPartitionAssignor"}


def assignor(name):
    module = importlib.import_module(f"aiokafka.coordinator.assignors.{name}")
    return getattr(module, ASSIGNORS[name])


class Listener(ConsumerRebalanceListener):
    """The client calls it from a task of its own: it waits until nothing is between reading and
    committing."""

    def __init__(self, member):
        self.member = member

    async def on_partitions_revoked(self, revoked):
        async with self.member.lock:
            self.member.say_partitions("revoked", revoked)

    async def on_partitions_assigned(self, assigned):
        self.member.say_partitions("assigned", assigned)


class AiokafkaMember(members.Told):
    def __init__(self, servers, settings, code_of):
        super().__init__(settings, code_of)
        self.lock = asyncio.Lock()
        self.consumer = AIOKafkaConsumer(**servers, **self.config(assignor))

    async def live(self):
        try:
            topics = self.topics()
            pattern = topics[0] if topics[0].startswith("^") else None
            self.consumer.subscribe(() if pattern else topics, pattern=pattern,
                                    listener=Listener(self))
            await self.consumer.start()
            while self.obeyed():
                # Without the lock: it may wait until a rebalance is over, which waits for it.
                polled = await self.consumer.getmany(timeout_ms=int(members.POLL_SECONDS * 1000))
                async with self.lock:
                    await self.take(polled)
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.failed(error)
            while self.wishes.get() != ["leave"]:
                pass
        await self.consumer.stop()
        self.say("left")

    async def take(self, polled):
        for batch in polled.values():
            for record in batch:
                self.took(record.topic, record.partition, record.offset)
        if self.positions and not self.holds:
            await self.consumer.commit({TopicPartition(*where): offset
                                        for where, offset in self.positions.items()})
            self.positions = {}
            self.say("committed")

    def pause(self, topic, partition):
        self.consumer.pause(TopicPartition(topic, partition))

    def resume(self, topic, partition):
        self.consumer.resume(TopicPartition(topic, partition))

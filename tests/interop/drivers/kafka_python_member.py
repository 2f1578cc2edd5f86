"""A member of a shared group with kafka-python, the newest or Debian's 2.0.2 (README.md)."""

import importlib

import kafka
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import RebalanceInProgressError
from kafka.structs import OffsetAndMetadata

import members

METADATA = [""] if kafka.__version__.startswith("2.") else ["", -1]
ASSIGNORS = {"range": "range.RangePartitionAssignor",
             "roundrobin": "roundrobin.RoundRobinPartitionAssignor",
             "cooperative-sticky": "cooperative_sticky.CooperativeStickyAssignor"}


def assignor(name):
    module, kind = ASSIGNORS[name].split(".")
    return getattr(importlib.import_module(f"kafka.coordinator.assignors.{module}"), kind)


class Listener(ConsumerRebalanceListener):
    def __init__(self, member):
        self.member = member

    def on_partitions_assigned(self, assigned):
        self.member.assigned(assigned)

    def on_partitions_revoked(self, revoked):
        self.member.revoked(revoked)

    def on_partitions_lost(self, lost):
        self.member.lost(lost)


class KafkaPythonMember(members.Member):
    def __init__(self, servers, settings, code_of):
        super().__init__(settings, code_of)
        self.consumer = KafkaConsumer(**servers, **self.config(assignor))
        self.poll_ms = int(settings.get("poll", members.POLL_SECONDS * 1000))

    def open(self):
        topics = self.topics()
        if topics[0].startswith("^"):
            self.consumer.subscribe(pattern=topics[0], listener=Listener(self))
        else:
            self.consumer.subscribe(topics, listener=Listener(self))

    def poll(self):
        for batch in self.consumer.poll(self.poll_ms).values():
            for record in batch:
                self.took(record.topic, record.partition, record.offset)
        # Version 3 forgets the answer to a rejoin for changed topics if its poll ends meanwhile.
        coordinator = self.consumer._coordinator
        if getattr(coordinator, "_join_task", None) is not None:
            coordinator.request_rejoin()

    def commit(self, positions):
        try:
            self.consumer.commit({TopicPartition(*where): OffsetAndMetadata(offset, *METADATA)
                                  for where, offset in positions.items()})
        except RebalanceInProgressError:
            return False
        return True

    def pause(self, topic, partition):
        self.consumer.pause(TopicPartition(topic, partition))

    def resume(self, topic, partition):
        self.consumer.resume(TopicPartition(topic, partition))

    def close(self):
        self.consumer.close()

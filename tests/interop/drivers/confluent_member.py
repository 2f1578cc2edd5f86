"""A member of a shared group with confluent-kafka (README.md has the protocol)."""

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, TopicPartition

import members

RECORDS_MAX = 100
NO_PLACE = (KafkaError._AUTO_OFFSET_RESET, KafkaError._NO_OFFSET)
# A commit that meets a join on its way carries the generation from before it, in Kafka too.
REJOINING = (KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS)


class ConfluentMember(members.Member):
    def __init__(self, servers, settings, code_of):
        super().__init__(settings, code_of)
        config = {**servers, "group.id": settings["group"], "enable.auto.commit": False,
                  "auto.offset.reset": settings["reset"].replace("none", "error"),
                  "metadata.max.age.ms": settings["age"],
                  "topic.metadata.refresh.interval.ms": settings["age"]}
        if settings.get("protocol") == "consumer":
            # The broker says how long a member may be silent.
            config["group.protocol"] = "consumer"
        else:
            config["session.timeout.ms"] = settings["session"]
            config["heartbeat.interval.ms"] = members.HEARTBEAT_MS
        if "assignor" in settings:
            config["partition.assignment.strategy"] = settings["assignor"]
        if "instance" in settings:
            config["group.instance.id"] = settings["instance"]
        self.consumer = confluent_kafka.Consumer(config)

    def open(self):
        self.consumer.subscribe(self.topics(), on_assign=lambda _, found: self.assigned(found),
                                on_revoke=lambda _, found: self.revoked(found),
                                on_lost=lambda _, found: self.lost(found))

    def poll(self):
        message = self.consumer.poll(members.POLL_SECONDS)
        for _ in range(RECORDS_MAX):
            if message is None:
                return
            error = message.error()
            if error is None:
                self.took(message.topic(), message.partition(), message.offset())
            elif error.code() in NO_PLACE:
                raise KafkaException(error)
            message = self.consumer.poll(0)

    def commit(self, positions):
        offsets = [TopicPartition(*where, offset) for where, offset in positions.items()]
        try:
            self.consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() in REJOINING:
                return False
            raise
        return True

    def pause(self, topic, partition):
        self.consumer.pause([TopicPartition(topic, partition)])

    def resume(self, topic, partition):
        self.consumer.resume([TopicPartition(topic, partition)])

    def close(self):
        self.consumer.close()

"""Consumers of every client share topics in groups of the classic protocol: they come, leave and
die, pause, come back by name, follow a pattern, begin where they are told to, and change over to
the consumer protocol and back."""

import itertools
import unittest

import client_suite
import driver
import shared_groups
import support
import wire
from clients import Confluent, Record

PARTITIONS, MIXED_PARTITIONS = 6, 12
ROUND_RECORDS = 5  # for each partition

STATIC, PATTERN, LATER = "static members", "patterns", "topics that come later"
# What a client reports that has no offset and may not make one up; the others have no such policy.
NO_OFFSET = {"confluent": driver.AUTO_OFFSET_RESET, "debian-confluent": driver.AUTO_OFFSET_RESET,
             "kafka-python": -1, "debian-kafka-python": -1, "aiokafka": -1, "java-3.9": -1,
             "java-4.3": -1}
EVERYTHING = frozenset([STATIC, PATTERN, LATER])
RANGE, ROUND_ROBIN, COOPERATIVE = "range", "roundrobin", "cooperative-sticky"
# Version 3 forgets what it is assigned for a new topic's sake if its poll ends meanwhile.
LONG_POLLS, LONG_POLL_MS = {"kafka-python"}, 600_000

# The assignors that a client is put to, and what else it has. groups_test.py has librdkafka's.
CLIENTS = {
    "confluent": ((), EVERYTHING),
    "debian-confluent": ((RANGE, COOPERATIVE), EVERYTHING),
    "kafka-python": ((RANGE, COOPERATIVE), EVERYTHING),
    "debian-kafka-python": ((ROUND_ROBIN,), {PATTERN, LATER}),
    "debian-kafka-python-0.10": ((RANGE,), {PATTERN, LATER}),
    "aiokafka": ((RANGE,), EVERYTHING),
    # It has an assignor of its own, and looks for topics only when it subscribes.
    "kafkajs": ((None,), {PATTERN}),
    "franz-go": ((COOPERATIVE, RANGE), EVERYTHING),
    "sarama-newest": ((RANGE,), {STATIC}),
    "java-3.9": ((COOPERATIVE,), EVERYTHING),
    "java-4.3": ((RANGE, COOPERATIVE), EVERYTHING),
}
MIXED = {
    RANGE: ("confluent", "java-4.3", "kafka-python", "franz-go", "sarama-newest", "aiokafka",
            "debian-confluent"),
    ROUND_ROBIN: ("java-3.9", "debian-kafka-python-0.10", "sarama-newest", "confluent"),
    COOPERATIVE: ("franz-go", "confluent", "java-4.3"),
}


def even(count, partitions):
    """The shares of so many members."""
    return sorted(partitions // count + (number < partitions % count) for number in range(count))


def available(clients):
    """Those that this machine has; the others are named."""
    found = []
    for client in clients:
        try:
            driver.require_client(client)
            found.append(client)
        except unittest.SkipTest as reason:
            print(f"SKIPPED: {reason}")
    return found


class SharedGroups(client_suite.Session):
    """A broker, and the members of groups that each share a topic of the group's name."""

    numbers = itertools.count()
    member_settings = {}

    @classmethod
    def setUpClass(cls):
        support.require_confluent()
        super().setUpClass()
        cls.judge = shared_groups.Judge(cls.broker, cls.folder)
        cls.addClassCleanup(cls.judge.close)

    def setUp(self):
        self.produced = {}  # topic -> {(place, offset)}

    def tearDown(self):
        self.judge.leave(*self.judge.members.values())
        super().tearDown()

    def topic(self, name, partitions=PARTITIONS):
        """A new topic."""
        topic = f"{name}-{next(self.numbers)}"
        wire.create_topic(self.broker, topic, partitions)
        self.produced[topic] = set()
        return topic

    def produce(self, topic, partitions=range(PARTITIONS), count=ROUND_RECORDS):
        sent = [Record(partition=partition, value=b"v") for partition in partitions] * count
        for partition, offset in Confluent.produce(self.broker, topic, sent):
            self.produced[topic].add((f"{topic}:{partition}", offset))

    def join(self, client, topic, **settings):
        return self.judge.join(client, topic, topic, **{**self.member_settings, **settings})

    def settled(self, group, shares):
        """Whether all members have their share, and all that was produced is read and committed."""
        return self.judge.shares(group) == shares and \
            self.judge.read[group] == self.produced[group] and \
            not any(member.uncommitted for member in self.judge.of(group))

    def settle(self, *topics, partitions=PARTITIONS):
        """Until the members share their topics evenly and have read what is produced meanwhile."""
        shares = {}
        for topic in topics:
            self.produce(topic, range(partitions))
            shares[topic] = even(len(self.judge.of(topic)), partitions)
        try:
            self.judge.wait(lambda: all(itertools.starmap(self.settled, shares.items())),
                            f"shares {shares}")
        except AssertionError as error:
            left = {topic: sorted(self.produced[topic] - self.judge.read[topic])[:20]
                    for topic, share in shares.items() if not self.settled(topic, share)}
            raise AssertionError(f"{error}\nunread: {left}") from None


class Sharing(SharedGroups):
    """What the members of one client do; `of` makes a test case of it."""

    assignors, features = (), frozenset()

    @classmethod
    def setUpClass(cls):
        driver.require_client(cls.member_client)
        super().setUpClass()

    def test_members_come_and_go(self):
        for assignor in self.assignors:
            with self.subTest(assignor=assignor):
                topic = self.topic("shared")
                first = self.join(self.member_client, topic, assignor=assignor)
                self.settle(topic)
                second = self.join(self.member_client, topic, assignor=assignor)
                self.settle(topic)
                third = self.join(self.member_client, topic, assignor=assignor)
                self.settle(topic)
                self.judge.leave(first)
                self.settle(topic)
                self.judge.leave(second, third)

    def test_a_paused_partition_waits(self):
        topic = self.topic("paused", 2)
        member = self.join(self.member_client, topic)
        self.settle(topic, partitions=2)
        before = set(self.judge.read[topic])
        self.judge.tell(member, "pause", f"{topic}:0")
        for partitions in ([1], [0, 1], [1]):
            # A fetch that was under way when it paused is over after the first round.
            self.produce(topic, partitions)
            wanted = {one for one in self.produced[topic] if one[0] == f"{topic}:1"}
            self.judge.wait(lambda: wanted <= self.judge.read[topic], "the other partition")
        self.assertFalse({one for one in self.judge.read[topic] - before
                          if one[0] == f"{topic}:0"}, "reads a paused partition")
        self.judge.tell(member, "resume", f"{topic}:0")
        self.settle(topic, partitions=2)

    def test_a_member_begins_where_it_is_told_to(self):
        topic = self.topic("reset", 2)
        self.produce(topic, range(2))
        old = set(self.produced[topic])
        self.judge.join(self.member_client, "earliest-" + topic, topic, **self.member_settings)
        self.judge.wait(lambda: self.judge.read["earliest-" + topic] == old, "all from the start")
        self.judge.join(self.member_client, "latest-" + topic, topic, reset="latest",
                        **self.member_settings)
        read = self.judge.read["latest-" + topic]

        def reads_both():
            # When it has found the end nobody but it knows.
            self.produce(topic, range(2), 1)
            return len({place for place, _ in read}) == 2

        self.judge.wait(reads_both, "records from the end")
        self.assertFalse(read & old, "reads from before its time")
        if self.member_client in NO_OFFSET:
            none = self.judge.join(self.member_client, "none-" + topic, topic, reset="none",
                                   **self.member_settings)
            code, text = self.judge.wait_error(none)
            self.assertEqual(code, NO_OFFSET[self.member_client], text)

    def test_topics_match_a_pattern(self):
        group = f"like-{next(self.numbers)}"
        first, other = self.topic(f"{group}-it"), self.topic(f"not-{group}-it")
        if LATER not in self.features:
            second = self.topic(f"{group}-it")
        settings = dict(self.member_settings)
        if self.member_client in LONG_POLLS:
            settings["poll"] = LONG_POLL_MS
        member = self.judge.join(self.member_client, group, f"^{group}-.*", **settings)
        self.judge.wait(lambda: self.judge.shares(group)[0] >= PARTITIONS, "the topic that is")
        if LATER in self.features:
            second = self.topic(f"{group}-it")
        for topic in (first, second, other):
            self.produce(topic)
        wanted = self.produced[first] | self.produced[second]
        self.judge.wait(lambda: self.judge.read[group] == wanted, "what is in both topics")
        if "poll" in settings:
            self.judge.kill(member)  # It listens when its poll is over.

    def test_a_member_with_a_name_comes_back_without_a_rebalance(self):
        topic = self.topic("static")
        # A process that starts on a busy machine may take longer than a session.
        settings = {"session": shared_groups.SESSION_TO_RETURN_MS}
        stays = self.join(self.member_client, topic, instance="one", **settings)
        self.settle(topic)
        bounces = self.join(self.member_client, topic, instance="two", **settings)
        self.settle(topic)
        owned, rebalances = set(bounces.owned), stays.rebalances
        self.judge.kill(bounces)
        back = self.join(self.member_client, topic, instance="two", **settings)
        self.settle(topic)
        self.assertEqual(back.owned, owned)
        self.assertEqual(stays.rebalances, rebalances)


class ManyClientsTest(SharedGroups, unittest.TestCase):
    """What all clients do at once, or with one another."""

    def test_killed_members_are_replaced(self):
        # Side by side, for each takes a session's time to be missed.
        topics = {self.topic(client): client for client in available(CLIENTS)}
        for topic, client in topics.items():
            self.join(client, topic)
        self.settle(*topics)
        dying = [self.join(client, topic, session=shared_groups.SESSION_TO_DIE_MS)
                 for topic, client in topics.items()]
        self.settle(*topics)
        for member in dying:
            self.judge.tell(member, "hold")
            self.produce(member.group)
        self.judge.wait(lambda: all(self.judge.read[topic] == self.produced[topic]
                                    for topic in topics), "all is read")
        for member in dying:
            self.assertEqual(len(member.uncommitted), ROUND_RECORDS * PARTITIONS // 2)
            self.judge.kill(member)
        # What they had read and not committed is read again, and nothing else.
        self.settle(*topics)

    def test_clients_share_a_group(self):
        # They understand one another's assignments.
        for assignor, clients in MIXED.items():
            with self.subTest(assignor=assignor):
                topic = self.topic("mixed", MIXED_PARTITIONS)
                members = []
                for client in available(clients):
                    members.append(self.join(client, topic, assignor=assignor))
                    if len(members) <= 2:
                        self.settle(topic, partitions=MIXED_PARTITIONS)
                self.settle(topic, partitions=MIXED_PARTITIONS)
                # The first one has divided the partitions until now: then another client does.
                while len(members) > 2:
                    self.judge.leave(members.pop(0))
                    self.settle(topic, partitions=MIXED_PARTITIONS)
                self.judge.leave(*members)


def of(client):
    """A test case: the members of one of CLIENTS, without what it has not."""
    title = "".join(word.capitalize() for word in client.replace(".", "-").split("-"))
    assignors, features = CLIENTS[client]
    lacks = {}
    if not assignors:
        lacks["test_members_come_and_go"] = None
    if PATTERN not in features:
        lacks["test_topics_match_a_pattern"] = None
    if STATIC not in features:
        lacks["test_a_member_with_a_name_comes_back_without_a_rebalance"] = None
    return type(title + "Test", (Sharing, unittest.TestCase),
                {"member_client": client, "assignors": assignors, "features": features, **lacks})


class JavaConsumerProtocolTest(of("java-4.3")):
    """The broker shares out (KIP-848)."""

    assignors = (None,)
    member_settings = {"protocol": "consumer"}
    more_settings = {"group.consumer.heartbeat.interval.ms": 500,
                     "group.consumer.session.timeout.ms": 15000,
                     "group.consumer.assignment.interval.ms": 0}
    # It leaves in a way of its own when it is to come back; here it is killed.
    test_a_member_with_a_name_comes_back_without_a_rebalance = None

    def test_a_killed_member_is_replaced(self):
        topic = self.topic("killed")
        self.join(self.member_client, topic)
        dying = self.join(self.member_client, topic)
        self.settle(topic)
        self.judge.kill(dying)
        self.settle(topic)


class RollingChangeTest(SharedGroups, unittest.TestCase):
    """The members of a group change their protocol one after the other, there and back. What each
    has read it has committed when it leaves, and nothing is read twice."""

    more_settings = JavaConsumerProtocolTest.more_settings

    def roll(self, clients, assignor, **settings):
        topic = self.topic("rolling")
        members = [self.join(client, topic, assignor=assignor, **settings) for client in clients]
        self.settle(topic)
        self.assertEqual(self.type_of(topic), "classic")
        for protocol in ({"protocol": "consumer"}, {"assignor": assignor}):
            for client in clients:
                self.judge.leave(members.pop(0))
                members.append(self.join(client, topic, **protocol, **settings))
                self.settle(topic)
            kind = "consumer" if "protocol" in protocol else "classic"
            self.assertEqual(self.type_of(topic), kind)
        self.judge.leave(*members)

    def type_of(self, group):
        from confluent_kafka import admin
        client = admin.AdminClient({"bootstrap.servers": self.broker.address})
        listed = client.list_consumer_groups().result().valid
        return {one.group_id: one.type.name.lower() for one in listed}[group]

    def test_members_of_librdkafka(self):
        for assignor in (RANGE, COOPERATIVE):
            with self.subTest(assignor=assignor):
                self.roll(["confluent"] * 3, assignor)

    def test_members_of_java(self):
        driver.require_client("java-4.3")
        for assignor in (RANGE, COOPERATIVE):
            with self.subTest(assignor=assignor):
                self.roll(["java-4.3"] * 3, assignor)

    def test_members_of_several_clients_in_one_group(self):
        driver.require_client("java-4.3")
        topic = self.topic("both", MIXED_PARTITIONS)
        members = []
        for client in available(MIXED[RANGE]):
            members.append(self.join(client, topic, assignor=RANGE))
        self.settle(topic, partitions=MIXED_PARTITIONS)
        for client in ("java-4.3", "confluent"):
            members.append(self.join(client, topic, protocol="consumer"))
            self.settle(topic, partitions=MIXED_PARTITIONS)
        self.assertEqual(self.type_of(topic), "consumer")
        while len(members) > 3:
            self.judge.leave(members.pop(0))
            self.settle(topic, partitions=MIXED_PARTITIONS)
        self.judge.leave(*members[-2:])
        del members[-2:]
        self.settle(topic, partitions=MIXED_PARTITIONS)
        self.assertEqual(self.type_of(topic), "classic")


globals().update({case.__name__: case for case in map(of, CLIENTS)})

if __name__ == "__main__":
    support.main()

"""Producers and consumers that live through power losses, in one thread; a committer in its own.

Only waiting times are set: what must hold must hold with the settings that clients have.
"""

import queue
import random
import threading

import power_history

QUICK = {"reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50, "retry.backoff.ms": 20,
         "log_level": 2}
KINDS = [
    {"acks": "all", "enable.idempotence": True, "linger.ms": 0},
    {"acks": "all", "enable.idempotence": True, "linger.ms": 5, "compression.type": "lz4"},
    {"acks": "all", "enable.idempotence": True, "linger.ms": 1, "batch.num.messages": 20},
    {"acks": "1", "linger.ms": 1},
]
OUTSTANDING_MAX = 200
RECORDS_PER_STEP_MAX = 6
SMALL_BYTES_MAX, LARGE_BYTES_MAX = 600, 60_000
POLL_SECONDS = 0.004


class Writer:
    """One producer instance."""

    def __init__(self, number, kind, broker, history, rng):
        import confluent_kafka
        self.number, self.kind, self.retired = number, kind, False
        self._history, self._random = history, rng
        self._durable = kind["acks"] == "all"
        if self._durable:
            history.durable_writers.add(number)
        self._producer = confluent_kafka.Producer({
            "bootstrap.servers": broker.address, **QUICK, **kind, "error_cb": self._on_error})

    def _on_error(self, error):
        if error.fatal() and self._durable:
            self._history.problem(f"writer {self.number}: {error.str()}")

    def __len__(self):
        return len(self._producer)

    def step(self, places):
        if not self.retired and len(self._producer) < OUTSTANDING_MAX:
            for _ in range(self._random.randrange(1, RECORDS_PER_STEP_MAX)):
                self._send(self._random.choice(places))
        self._producer.poll(0)

    def _send(self, place):
        large = self._random.random() < 0.01
        size = self._random.randrange(LARGE_BYTES_MAX if large else SMALL_BYTES_MAX)
        sequence = self._history.next_sequence(self.number, place)

        def report(error, message):
            if not self._durable:
                return
            if error:
                self._history.problem(f"{place}: {self.number}:{sequence}: {error.str()}")
                return
            offset = message.offset()
            self._history.on_acked(self.number, place, sequence, offset if offset >= 0 else None)

        self._producer.produce(place[0], power_history.make_value(self.number, sequence, size),
                               partition=place[1], on_delivery=report)

    def drain(self):
        while self._producer.poll(0):
            pass

    def flush(self, seconds):
        return self._producer.flush(seconds)


class Reader:
    """A consumer of every place that after each power loss reads again what it last read."""

    def __init__(self, broker, places, history):
        import confluent_kafka
        self._kafka = confluent_kafka
        self._history = history
        self._consumer = confluent_kafka.Consumer({
            "bootstrap.servers": broker.address, "group.id": "unused", "enable.auto.commit": False,
            "auto.offset.reset": "error", "fetch.wait.max.ms": 20, **QUICK})
        self.positions = dict.fromkeys(places, 0)
        self._before = dict(self.positions)  # at the end of the generation before
        self._assign()

    def _assign(self):
        self._consumer.assign([self._kafka.TopicPartition(topic, partition, offset)
                               for (topic, partition), offset in self.positions.items()])

    def step(self, seconds=POLL_SECONDS):
        messages = self._consumer.consume(1000, seconds)
        must_go_back = False
        for message in messages:
            place = message.topic(), message.partition()
            if message.error() is not None:
                if message.error().code() == self._kafka.KafkaError._AUTO_OFFSET_RESET:
                    must_go_back |= self._goes_back(place)
                continue
            if message.offset() != self.positions[place]:
                self._history.problem(f"{place}: offset {message.offset()} came where "
                                      f"{self.positions[place]} was due")
            self._history.on_seen(place, message.offset(), message.value())
            self.positions[place] = message.offset() + 1
        if must_go_back:
            self._assign()
        return len(messages)

    def _goes_back(self, place):
        """Records of acks=1 that it saw may be gone, and those that it saw in their place."""
        position = self._history.position_after_loss(place, self.positions[place])
        if position is not None:
            self.positions[place] = position
        return position is not None

    def drain(self):
        while self.step(0):
            pass

    def rewind(self):
        """The broker is dead: to where the generation that has ended began, or less far."""
        reached = self.positions
        self.positions = {place: min(end, self._before[place]) for place, end in reached.items()}
        self._before = reached
        self._assign()

    def close(self):
        self._consumer.close()


class Committer(threading.Thread):
    """Commits how far a reader has come, and looks whether it stays committed."""

    def __init__(self, broker, reader):
        super().__init__(daemon=True)
        import confluent_kafka
        self._kafka = confluent_kafka
        self._reader = reader
        self._consumer = confluent_kafka.Consumer({
            "bootstrap.servers": broker.address, "group.id": "committer",
            "enable.auto.commit": False, **QUICK})
        self._end = threading.Event()
        self._committed = dict.fromkeys(reader.positions, -1)
        self.count, self.problems = 0, []

    def run(self):
        while not self._end.wait(0.01):
            try:
                self._commit()
            except self._kafka.KafkaException:
                pass  # The broker is away: nothing was promised.

    def _commit(self):
        positions = dict(self._reader.positions)
        due = [self._kafka.TopicPartition(*place, max(end, self._committed[place]))
               for place, end in positions.items()]
        for done in self._consumer.commit(offsets=due, asynchronous=False):
            if done.error is None:
                self._committed[done.topic, done.partition] = done.offset
        self.count += 1
        self.check(5)

    def check(self, seconds):
        for found in self._consumer.committed(
                [self._kafka.TopicPartition(*place) for place in self._committed], seconds):
            promised = self._committed[found.topic, found.partition]
            if found.error is None and found.offset < promised:
                self.problems.append(f"{found.topic}-{found.partition}: {promised} was committed, "
                                     f"{found.offset} is")

    def finish(self):
        self._end.set()
        self.join()
        self.check(60)
        self._consumer.close()


class Clients(threading.Thread):
    """Drives writers and a reader; what others want of them is done between two steps."""

    def __init__(self, broker, places, history, rng):
        super().__init__(daemon=True)
        self._broker, self._places, self._history = broker, places, history
        self._random = random.Random(rng.random())
        self._calls = queue.SimpleQueue()
        self._stepped = threading.Condition()
        self._writer_count = 0
        self._end = False
        self.error = None
        self.reader = Reader(broker, places, history)
        self.writers = [self._new_writer(kind) for kind in KINDS]

    def _new_writer(self, kind):
        self._writer_count += 1
        return Writer(self._writer_count, kind, self._broker, self._history, self._random)

    def run(self):
        try:
            while not self._end:
                while not self._calls.empty():
                    self._calls.get()()
                for writer in self.writers:
                    writer.step(self._places)
                self.reader.step()
                self.writers = [w for w in self.writers if len(w) or not w.retired]
                with self._stepped:
                    self._stepped.notify_all()
        except BaseException as error:  # pylint: disable=broad-exception-caught
            self.error = error
            with self._stepped:
                self._stepped.notify_all()
            raise

    def wait(self, condition, what, seconds=60):
        with self._stepped:
            reached = self._stepped.wait_for(lambda: condition() or self.error, seconds)
        if not reached or self.error:
            raise AssertionError(f"waited {seconds} s in vain for {what}; "
                                 f"{self._history.problems[:5]}, {self.error}")

    def wait_acked(self, count):
        self.wait(lambda: self._history.acked_count >= count, f"{count} acknowledged")

    def end_generation(self, replace_writer):
        """All connections have ended: takes in what came by them, and begins anew."""
        ended = threading.Event()

        def end():
            for client in [*self.writers, self.reader]:
                client.drain()
            self._history.check_acked(self.reader.positions)
            self._history.generation += 1
            self.reader.rewind()
            if replace_writer:
                self._replace_writer()
            ended.set()

        self._calls.put(end)
        self.wait(ended.is_set, "the clients")

    def _replace_writer(self):
        writer = self._random.choice([w for w in self.writers if not w.retired])
        writer.retired = True
        self.writers.append(self._new_writer(writer.kind))

    def finish(self):
        """Ends after everything that was sent is answered."""
        self._end = True
        self.join()
        for writer in self.writers:
            left = writer.flush(120)
            if left:
                self._history.problem(f"writer {writer.number}: {left} records without an answer")
        self.reader.close()

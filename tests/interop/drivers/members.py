"""What the members of shared groups have in common in Python (README.md has the protocol)."""

import os
import queue
import sys
import threading
import traceback

import lines

POLL_SECONDS = 0.1
HEARTBEAT_MS = 500


class Told:
    """What a member says, and what it is told."""

    def __init__(self, settings, code_of):
        self.settings = settings
        self.code_of = code_of
        self.holds = False
        self.positions = {}  # (topic, partition) -> the offset to commit
        self.wishes = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        """Takes lines until the member shall leave; the next one is the driver's again."""
        words = [""]
        while words[0] != "leave":
            words = sys.stdin.readline().rstrip("\n").split("\t")
            words = ["leave"] if words == [""] else words
            self.wishes.put(words)

    def say(self, event, *fields):
        """A line at once and whole, for members share a pipe."""
        line = "\t".join(["*", self.settings["name"], event, *map(str, fields)]) + "\n"
        os.write(lines.OUTPUT, line.encode())

    def say_partitions(self, event, partitions):
        self.say(event, *(f"{one.topic}:{one.partition}" for one in partitions))

    def took(self, topic, partition, offset):
        self.positions[topic, partition] = offset + 1
        self.say("read", f"{topic}:{partition}", offset)

    def failed(self, error):
        traceback.print_exc()
        self.say("error", self.code_of(error), " ".join(f"{type(error).__name__}: {error}".split()))

    def config(self, assignor):
        """Arguments as kafka-python names them, and aiokafka; `assignor` knows a name's class."""
        settings = self.settings
        config = {"group_id": settings["group"], "enable_auto_commit": False,
                  "session_timeout_ms": int(settings["session"]),
                  "heartbeat_interval_ms": HEARTBEAT_MS,
                  "auto_offset_reset": settings["reset"],
                  "metadata_max_age_ms": int(settings["age"])}
        if "assignor" in settings:
            config["partition_assignment_strategy"] = [assignor(settings["assignor"])]
        if "instance" in settings:
            config["group_instance_id"] = settings["instance"]
        return config

    def topics(self):
        return self.settings["topics"].split(",")

    def obeyed(self):
        """Does what the member is told; false when it shall leave."""
        while not self.wishes.empty():
            word, *partition = self.wishes.get()
            if word == "leave":
                return False
            if word == "hold":
                self.holds = True
            else:
                topic, number = partition[0].rsplit(":", 1)
                getattr(self, word)(topic, int(number))
            self.say("done", word)
        return True


class Member(Told):
    """A member whose client is asked for records: subclasses open, poll, commit and close it."""

    def live(self):
        try:
            self.open()
            while self.obeyed():
                self.poll()
                self.flush()
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.failed(error)
            while self.wishes.get() != ["leave"]:
                pass
        self.close()
        self.say("left")

    def flush(self):
        """Commits what was read since the last time, unless the client asks to do so later."""
        if self.positions and not self.holds and self.commit(self.positions):
            self.positions = {}
            self.say("committed")

    def assigned(self, partitions):
        self.say_partitions("assigned", partitions)

    def revoked(self, partitions):
        self.flush()
        self.say_partitions("revoked", partitions)

    def lost(self, partitions):
        self.positions = {}
        self.say_partitions("revoked", partitions)

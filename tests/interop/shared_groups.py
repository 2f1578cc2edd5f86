"""Members of shared groups, each in a process of its own, and the judge of what they say.

All members write into one pipe, a whole line at a time: their lines come in the order in which
things happened, for a member says that it gives partitions up before it tells the broker. So at no
line may a partition have two owners in a group, a record be read by one that does not own it, or
twice. A process that has left a group is used again.
"""

import collections
import os
import subprocess

import driver
import support

SESSION_MS = 30_000         # A busy disk keeps the broker from answering for seconds.
SESSION_TO_DIE_MS = 10_000
SESSION_TO_RETURN_MS = 120_000
WAIT_SECONDS_MAX = 120
METADATA_AGE_MS = 500
PIPE_BYTES = 1 << 16
ERRORS_CHARACTERS_MAX = 3000


class Process:
    """A driver that lends itself to one member after the other."""

    def __init__(self, client, broker, output, errors_path):
        self.client = client
        self.errors_path = errors_path
        command = [broker.address if word == "BOOTSTRAP" else word
                   for word in driver.CLIENTS[client].command]
        with open(errors_path, "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output,
                                            stderr=errors)

    def write(self, *words):
        self.process.stdin.write(("\t".join(words) + "\n").encode())
        self.process.stdin.flush()

    def check(self):
        if self.process.poll() is not None:
            with open(self.errors_path, encoding="utf-8", errors="replace") as errors:
                text = errors.read()[-ERRORS_CHARACTERS_MAX:]
            raise AssertionError(f"{self.client} ended with {self.process.returncode}:\n{text}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()


class Member:
    """What one member is known to own and to have read."""

    def __init__(self, name, group, process):
        self.name = name
        self.group = group
        self.process = process
        self.owned = set()          # places: "topic:partition"
        self.rebalances = 0         # how often it got or gave up something
        self.uncommitted = set()    # (place, offset)
        self.done = []
        self.error = None           # (code, text)
        self.left = False

    def wish(self, *words):
        self.process.write(*words)


class Judge:
    """The members of any number of groups. Its functions fail when a rule is broken."""

    def __init__(self, broker, folder):
        self.broker = broker
        self.folder = folder
        self.members = {}
        self.idle = collections.defaultdict(list)
        self.started = 0
        self.read = collections.defaultdict(set)        # {(place, offset)} by group
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.rest = b""

    def close(self):
        busy = [member.process for member in self.members.values()]
        for process in busy + [one for idle in self.idle.values() for one in idle]:
            process.kill()
        os.close(self.reading)
        os.close(self.writing)

    def join(self, client, group, topics, session=SESSION_MS, **settings):
        """A new member; None among the settings leaves it to the client."""
        self.started += 1
        name = f"{client}-{self.started}"
        if not self.idle[client]:
            errors_path = os.path.join(self.folder, name)
            self.idle[client].append(Process(client, self.broker, self.writing, errors_path))
        member = Member(name, group, self.idle[client].pop())
        self.members[name] = member
        settings = {"reset": "earliest", "age": METADATA_AGE_MS, **settings}
        member.wish("member", f"name={name}", f"group={group}", f"topics={topics}",
                    f"session={session}",
                    *(f"{key}={value}" for key, value in settings.items() if value is not None))
        return member

    def leave(self, *members):
        for member in members:
            member.wish("leave")
        for member in members:
            self.wait(lambda m=member: m.left, f"{member.name} leaves")
            del self.members[member.name]
            self.idle[member.process.client].append(member.process)

    def kill(self, member):
        """SIGKILL. What it read and did not commit somebody shall read again."""
        member.process.kill()
        self.take()
        del self.members[member.name]
        self.read[member.group] -= member.uncommitted

    def tell(self, member, word, *place):
        """Asks for something and waits until it is done."""
        count = len(member.done)
        member.wish(word, *place)
        self.wait(lambda: len(member.done) > count, f"{member.name} does {word}")

    def of(self, group):
        return [member for member in self.members.values() if member.group == group]

    def shares(self, group):
        return sorted(len(member.owned) for member in self.of(group))

    def wait(self, condition, what):
        def done():
            self.take()
            if condition():
                return True
            for member in self.members.values():
                member.process.check()
                assert member.error is None, f"{member.name}: {member.error}"
            return False

        try:
            support.wait_until(done, what, WAIT_SECONDS_MAX)
        except AssertionError as error:
            state = ", ".join(f"{member.name} of {member.group}: {sorted(member.owned)}"
                              for member in self.members.values())
            raise AssertionError(f"{error}\nmembers: {state}") from None

    def wait_error(self, member):
        """Waits until the client reports an error; returns its code and text."""
        self.wait(lambda: member.error is not None, f"{member.name} reports an error")
        found, member.error = member.error, None
        return found

    def take(self):
        """Judges all lines that are there."""
        while True:
            try:
                data = self.rest + os.read(self.reading, PIPE_BYTES)
            except BlockingIOError:
                return
            *lines, self.rest = data.split(b"\n")
            for line in lines:
                mark, *words = line.decode().split("\t")
                if mark == "*":
                    name, event, *fields = words
                    getattr(self, "_" + event)(self.members[name], fields)
                assert mark != "error", f"a member never lived: {words}"

    def _assigned(self, member, places):
        for other in self.of(member.group):
            both = other.owned & set(places)
            assert other is member or not both, f"{both}: {other.name} and {member.name} own it"
        member.rebalances += 1
        member.owned |= set(places)

    @staticmethod
    def _revoked(member, places):
        member.rebalances += 1
        member.owned -= set(places)

    def _read(self, member, fields):
        place, offset = fields[0], int(fields[1])
        assert place in member.owned, f"{member.name} reads {place} and owns {member.owned}"
        again = (place, offset) in self.read[member.group]
        assert not again, f"{member.name} reads offset {offset} of {place} again"
        self.read[member.group].add((place, offset))
        member.uncommitted.add((place, offset))

    @staticmethod
    def _committed(member, _):
        member.uncommitted.clear()

    @staticmethod
    def _done(member, words):
        member.done += words

    @staticmethod
    def _error(member, fields):
        member.error = (int(fields[0]), fields[1])

    @staticmethod
    def _left(member, _):
        member.owned.clear()
        member.left = True

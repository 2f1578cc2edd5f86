"""What producers were promised and what consumers saw, over many power losses, and the judgement.

A *generation* is the time between two power losses. Within one, offsets never change. A record is
named by its writer, its place (topic and partition) and its sequence, counted there from 0.
"""

import re
from collections import defaultdict

VALUE = re.compile(rb"(\d+):(\d+):(\d+):(x*)")
PROBLEMS_MAX = 50


def make_value(writer, sequence, size):
    return b"%d:%d:%d:" % (writer, sequence, size) + b"x" * size


class History:
    """Filled by one thread. `problems` says in words what must not have happened."""

    def __init__(self):
        self.generation = 0
        self.problems = []
        self.acked_count = 0
        self.checked_count = 0
        self.durable_writers = set()        # those with acks=all
        self.produced = defaultdict(int)    # (writer, place) -> records
        self._acked = defaultdict(set)      # (writer, place) -> sequences
        self._unchecked = defaultdict(list)  # place -> (generation, offset, writer, sequence)
        self._seen = defaultdict(dict)      # place -> offset -> (writer, sequence, generation)
        # place -> the last offset of acks=all that was acknowledged or seen, at the end of each
        # generation in which it moved: ascending (generation, offset)
        self._durable = defaultdict(list)

    def problem(self, text):
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(f"generation {self.generation}: {text}")

    def next_sequence(self, writer, place):
        sequence = self.produced[writer, place]
        self.produced[writer, place] += 1
        return sequence

    def on_acked(self, writer, place, sequence, offset):
        """Only of writers with acks=all. `offset` is None where the client does not know it."""
        self.acked_count += 1
        if sequence in self._acked[writer, place]:
            self.problem(f"{place}: {writer}:{sequence} was acknowledged twice")
        self._acked[writer, place].add(sequence)
        if offset is not None:
            self._unchecked[place].append((self.generation, offset, writer, sequence))
            self._note_durable(place, offset)

    def _note_durable(self, place, offset):
        ends = self._durable[place]
        if ends and ends[-1][1] >= offset:
            return
        if ends and ends[-1][0] == self.generation:
            ends.pop()
        ends.append((self.generation, offset))

    def _may_vanish(self, place, offset, seen):
        """Whether a power loss was free to take a record away after it had been seen (0003)."""
        writer, _, generation = seen
        if writer in self.durable_writers or generation == self.generation:
            return False
        ends = [end for then, end in self._durable[place] if then <= generation]
        return not ends or ends[-1] < offset

    def position_after_loss(self, place, position):
        """Where to go on where the log ends before `position`: None if it must not end there."""
        seen = self._seen[place].get(position - 1)
        if seen is None or not self._may_vanish(place, position - 1, seen):
            self.problem(f"{place}: the log ends before {position}; {seen} was seen before it, "
                         f"durable are {self._durable[place][-3:]}")
            return None
        return self._durable[place][-1][1] + 1 if self._durable[place] else 0

    def on_seen(self, place, offset, value):
        """A consumer got a record; the same one again, or what has taken its place."""
        match = VALUE.fullmatch(value)
        if match is None or int(match[3]) != len(match[4]):
            self.problem(f"{place}: offset {offset} holds {value[:40]!r}, which nobody wrote")
            return
        writer, sequence = int(match[1]), int(match[2])
        seen = self._seen[place].get(offset)
        if seen is not None and seen[:2] != (writer, sequence):
            if not self._may_vanish(place, offset, seen):
                self.problem(f"{place}: offset {offset} was {seen}, is {writer}:{sequence}")
            seen = None
        if seen is None:
            self._seen[place][offset] = (writer, sequence, self.generation)
        if writer in self.durable_writers:
            self._note_durable(place, offset)

    def check_acked(self, positions):
        """What was acknowledged before this generation and read again in it is where it was."""
        for place, end in positions.items():
            later = []
            for entry in self._unchecked[place]:
                generation, offset, writer, sequence = entry
                if generation == self.generation or offset >= end:
                    later.append(entry)
                    continue
                self.checked_count += 1
                found = self._seen[place].get(offset)
                if found is None or found[:2] != (writer, sequence):
                    self.problem(f"{place}: {writer}:{sequence} was acknowledged at {offset}, "
                                 f"where {found} is")
            self._unchecked[place] = later

    def check_end(self, records):
        """`records`: everything that is in the log, as (place, offset, value) in order."""
        logs = defaultdict(dict)
        for place, offset, value in records:
            self.on_seen(place, offset, value)
            logs[place][offset] = tuple(map(int, VALUE.fullmatch(value).groups()[:2]))
        for place, seen in self._seen.items():
            for offset, record in seen.items():
                if offset not in logs[place] and not self._may_vanish(place, offset, record):
                    self.problem(f"{place}: offset {offset} was {record}, is gone")
        self.check_acked({place: 1 << 62 for place in self._seen})
        for (writer, place), count in self.produced.items():
            if writer in self.durable_writers:
                self._check_writer(writer, place, count, logs[place])

    def _check_writer(self, writer, place, count, log):
        acked = self._acked[writer, place]
        if len(acked) != count:
            self.problem(f"{place}: writer {writer} got {len(acked)} of {count} acknowledged")
        found = [sequence for _, (w, sequence) in sorted(log.items()) if w == writer]
        if found == list(range(count)):
            return
        lost = sorted(acked - set(found))
        if lost:
            self.problem(f"{place}: {len(lost)} lost of writer {writer}, the first is {lost[0]}")
        if len(set(found)) != len(found):
            self.problem(f"{place}: {len(found) - len(set(found))} repeated of writer {writer}")
        if sorted(set(found)) != found:
            self.problem(f"{place}: writer {writer} is out of order")

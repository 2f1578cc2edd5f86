"""What the drivers in Python share: commands come in as lines, answers go out as lines.

The protocol is described in README.md. A driver hands `serve` an object with one method per
command; its arguments are the command's, as text, and it returns or yields the answer's lines,
each a tuple of fields.
"""

import base64
import collections
import os
import sys
import traceback

OUTPUT = os.dup(1)  # What a library prints to stdout is no answer.
Record = collections.namedtuple("Record", "partition timestamp key value headers")
RECORD_FIELDS = 5


class Refused(Exception):
    """The broker's refusal, with Kafka's number for it."""

    def __init__(self, code, message=""):
        super().__init__(f"{code}: {message}")
        self.code = code


def decode(field):
    return None if field == "-" else base64.b64decode(field)


def encode(data):
    return "-" if data is None else base64.b64encode(data).decode()


def parse_record(line):
    partition, timestamp, key, value, headers = line.split("\t")
    pairs = [header.split(":") for header in headers.split(",") if header]
    return Record(int(partition), None if timestamp == "-" else int(timestamp), decode(key),
                  decode(value), [(decode(name).decode(), decode(data)) for name, data in pairs])


def record_line(partition, offset, timestamp, key, value, headers):
    pairs = ",".join(f"{encode(name.encode())}:{encode(data)}" for name, data in headers)
    return (partition, offset, timestamp, encode(key), encode(value), pairs)


def run(client, commands, code_of):
    """Runs one command line after the other; yields the lines to print."""
    for line in commands:
        name, *rest = line.rstrip("\n").split("\t")
        arguments = dict(argument.split("=", 1) for argument in rest)
        if "records" in arguments:
            count = int(arguments["records"])
            arguments["records"] = [parse_record(next(commands).rstrip("\n"))
                                    for _ in range(count)]
        try:
            for fields in getattr(client, name.replace("-", "_"))(**arguments) or ():
                yield "+\t" + "\t".join(str(field) for field in fields)
            yield "ok"
        except Exception as error:  # pylint: disable=broad-exception-caught
            traceback.print_exc()
            code = error.code if isinstance(error, Refused) else code_of(error)
            text = " ".join(f"{type(error).__name__}: {error}".split())
            yield f"error\t{code}\t{text}"


def serve(client, code_of):
    """Answers commands until there are no more. `code_of` finds Kafka's number of an exception."""
    answers = os.fdopen(OUTPUT, "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in run(client, sys.stdin, code_of):
        answers.write(line + "\n")
        if not line.startswith("+"):
            answers.flush()

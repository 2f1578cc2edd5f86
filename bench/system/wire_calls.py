"""The few requests that the benchmarks of storage send themselves, as bytes: versions of Kafka's
protocol that need no library."""

import socket
import struct

CRC32C_POLYNOMIAL = 0x82F63B78
REQUEST_TIMEOUT_MS = 600_000


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (CRC32C_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def record_batch(value: bytes) -> bytes:
    """One record, uncompressed, of no producer that a broker remembers."""
    def varint(number: int) -> bytes:
        number = number << 1 ^ number >> 31
        encoded = bytearray()
        while number > 0x7F:
            encoded.append(number & 0x7F | 0x80)
            number >>= 7
        return bytes([*encoded, number])

    record = b"\0" + varint(0) + varint(0) + varint(-1) + varint(len(value)) + value + varint(0)
    body = struct.pack(">hiqqqhii", 0, 0, 0, 0, -1, -1, -1, 1) + varint(len(record)) + record
    return struct.pack(">qiibI", 0, len(body) + 9, 0, 2, crc32c(body)) + body


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


class Caller:
    """A connection that sends one request at a time."""

    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bytes_moved = 0

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_) -> None:
        self._socket.close()

    def send(self, api: int, version: int, body: bytes) -> None:
        header = struct.pack(">hhi", api, version, 1) + text("bench")
        self._socket.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        self.bytes_moved += 4 + len(header) + len(body)

    def receive(self) -> bytes:
        """The answer to the oldest request that has none, without its header."""
        (length,) = struct.unpack(">i", self._read(4))
        self.bytes_moved += 4 + length
        return self._read(length)[4:]

    def _call(self, api: int, version: int, body: bytes) -> bytes:
        self.send(api, version, body)
        return self.receive()

    def _read(self, count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            piece = self._socket.recv(count - len(received))
            if not piece:
                raise ConnectionError("the broker closed the connection")
            received += piece
        return bytes(received)

    def create_topics(self, names: list[str], partitions: int,
                      settings: dict[str, str] | None = None) -> None:
        """CreateTopics 2, all in one request."""
        settings = settings or {}
        rest = struct.pack(">ihii", partitions, 1, 0, len(settings)) + b"".join(
            text(name) + text(value) for name, value in settings.items())
        topics = b"".join(text(name) + rest for name in names)
        answer = self._call(19, 2, struct.pack(">i", len(names)) + topics
                            + struct.pack(">ib", REQUEST_TIMEOUT_MS, 0))
        at = 8
        for _ in names:
            (size,) = struct.unpack_from(">h", answer, at)
            error, message = struct.unpack_from(">hh", answer, at + 2 + size)
            if error != 0:
                raise RuntimeError(f"a topic was not created: error {error}")
            at += 2 + size + 4 + max(message, 0)

    def delete_topic(self, name: str) -> None:
        """DeleteTopics 1."""
        answer = self._call(20, 1, struct.pack(">i", 1) + text(name)
                            + struct.pack(">i", REQUEST_TIMEOUT_MS))
        (error,) = struct.unpack_from(">h", answer, 8 + 2 + len(name))
        if error != 0:
            raise RuntimeError(f"the topic {name} was not deleted: error {error}")

    def produce(self, topics: list[str], partitions: range, batch: bytes) -> None:
        """Produce 3 with acks=all: the batch into each of the partitions of each topic."""
        entries = b"".join(struct.pack(">ii", index, len(batch)) + batch for index in partitions)
        data = b"".join(text(name) + struct.pack(">i", len(partitions)) + entries
                        for name in topics)
        answer = self._call(0, 3, struct.pack(">hhi", -1, -1, REQUEST_TIMEOUT_MS)
                            + struct.pack(">i", len(topics)) + data)
        at = 4
        for name in topics:
            at += 2 + len(name) + 4
            for _ in partitions:
                _, error, _, _ = struct.unpack_from(">ihqq", answer, at)
                if error != 0:
                    raise RuntimeError(f"a record of {name} was refused: error {error}")
                at += 22

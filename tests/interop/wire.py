"""Kafka's protocol and record batches by hand, for what no client would send.

Requests here use versions without tagged fields, so that a frame is readable in the test.
"""

import os
import socket
import struct
import zlib

API_PRODUCE, API_FETCH, API_METADATA, API_VERSIONS, API_CREATE_TOPICS = 0, 1, 3, 18, 19
API_FIND_COORDINATOR = 10
BATCH_HEADER = struct.Struct(">qiibIhiqqqhii")
BATCH_OVERHEAD = 12  # Base offset and length, which the length does not count.
CODEC_MASK = 7


def _crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def varint(number):
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def batch(values, magic=2, crc=None, timestamp=1_700_000_000_000):
    """An uncompressed record batch of the values, with a wrong magic or CRC if asked for."""
    records = b""
    for number, value in enumerate(values):
        body = (b"\0" + varint(0) + varint(number) + varint(-1) + varint(len(value)) + value
                + varint(0))
        records += varint(len(body)) + body
    rest = struct.pack(">hiqqqhii", 0, len(values) - 1, timestamp, timestamp, -1, -1, -1,
                       len(values)) + records
    crc = crc32c(rest) if crc is None else crc
    return struct.pack(">qiibI", 0, len(rest) + 9, -1, magic, crc) + rest


def message_set(values, magic, timestamp=1_700_000_000_000):
    """Messages without keys in the format before batches, magic 0 or 1."""
    messages = b""
    for offset, value in enumerate(values):
        rest = struct.pack(">bb", magic, 0)
        rest += struct.pack(">q", timestamp) if magic == 1 else b""
        rest += struct.pack(">ii", -1, len(value)) + value
        messages += struct.pack(">qiI", offset, len(rest) + 4, zlib.crc32(rest)) + rest
    return messages


def read_batches(path):
    """Yields (base offset, codec, record count) of each batch in a segment file."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while size - file.tell() >= BATCH_HEADER.size:
            header = BATCH_HEADER.unpack(file.read(BATCH_HEADER.size))
            base_offset, length, attributes, count = header[0], header[1], header[5], header[12]
            if length <= 0:
                return
            yield base_offset, attributes & CODEC_MASK, count
            file.seek(length + BATCH_OVERHEAD - BATCH_HEADER.size, os.SEEK_CUR)


class Connection:
    """One TCP connection that sends frames as they are given."""

    def __init__(self, broker, seconds=30):
        self.socket = socket.create_connection(("127.0.0.1", broker.port), timeout=seconds)
        self.correlation_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_request(self, api, version, body):
        self.correlation_id += 1
        header = struct.pack(">hhi", api, version, self.correlation_id) + string("test")
        self.send(struct.pack(">i", len(header) + len(body)) + header + body)

    def receive(self):
        """The body of the next answer, or None if the broker closed the connection."""
        size = self._read(4)
        if size is None:
            return None
        frame = self._read(struct.unpack(">i", size)[0])
        if frame is None:
            return None
        assert struct.unpack(">i", frame[:4])[0] == self.correlation_id, "correlation id"
        return frame[4:]

    def _read(self, count):
        data = b""
        while len(data) < count:
            try:
                piece = self.socket.recv(count - len(data))
            except ConnectionResetError:
                return None
            if not piece:
                return None
            data += piece
        return data

    def request(self, api, version, body):
        self.send_request(api, version, body)
        return self.receive()


def produce(connection, topic, records, version=3, acks=1):
    """Sends one batch to partition 0; returns (error code, base offset), or None if closed."""
    body = b"" if version < 3 else struct.pack(">h", -1)
    body += struct.pack(">hii", acks, 30_000, 1) + string(topic)
    body += struct.pack(">iii", 1, 0, len(records)) + records
    answer = connection.request(API_PRODUCE, version, body)
    if answer is None:
        return None
    at = 4 + 2 + len(topic.encode()) + 4 + 4
    return struct.unpack(">hq", answer[at:at + 10])


def create_topic(broker, topic, partitions, **configs):
    """Creates a topic; configuration names are written with "_" for "."."""
    body = struct.pack(">i", 1) + string(topic) + struct.pack(">ihi", partitions, 1, 0)
    body += struct.pack(">i", len(configs))
    for name, value in configs.items():
        body += string(name.replace("_", ".")) + string(str(value))
    body += struct.pack(">i?", 30_000, False)
    with Connection(broker) as connection:
        answer = connection.request(API_CREATE_TOPICS, 4, body)
    at = 4 + 4 + 2 + len(topic.encode())
    error = struct.unpack(">h", answer[at:at + 2])[0]
    assert error == 0, f"CreateTopics of {topic}: error {error}"

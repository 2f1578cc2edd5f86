"""An idempotent confluent-kafka producer that runs until a line arrives on stdin.

    confluent_stream.py BOOTSTRAP TOPIC PARTITIONS

Prints what clients.Stream reads: "acked PARTITION SEQUENCE", "failed PARTITION SEQUENCE REASON",
and at the end "produced COUNT".
"""

import select
import sys

import confluent_kafka

OUTSTANDING_MAX = 1000
VALUE_BYTES = 200


def main():
    bootstrap, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
    producer = confluent_kafka.Producer({
        "bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 1,
        "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20,
        "error_cb": lambda error: error.fatal() and print(f"failed - - {error}", flush=True)})

    def report(error, message):
        partition, sequence, _ = message.value().decode().split(":")
        word, reason = ("failed", f" {error}") if error else ("acked", "")
        print(f"{word} {partition} {sequence}{reason}", flush=True)

    count = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        while len(producer) >= OUTSTANDING_MAX:
            producer.poll(0.1)
        value = f"{count % partitions}:{count // partitions}:".ljust(VALUE_BYTES, "x")
        producer.produce(topic, value, partition=count % partitions, on_delivery=report)
        producer.poll(0)
        count += 1
    producer.flush(240)
    print(f"produced {count}", flush=True)


if __name__ == "__main__":
    main()

"""Debian 12's packages: python3-confluent-kafka (librdkafka 2.0.2) and python3-kafka 2.0.2."""

import client_suite
import support

Confluent = client_suite.of("debian-confluent")
KafkaPython = client_suite.of("debian-kafka-python")
KafkaPython010 = client_suite.of("debian-kafka-python-0.10")

if __name__ == "__main__":
    support.main()

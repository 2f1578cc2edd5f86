"""The newest kafka-python from PyPI."""

import client_suite
import support

KafkaPython = client_suite.of("kafka-python")

if __name__ == "__main__":
    support.main()

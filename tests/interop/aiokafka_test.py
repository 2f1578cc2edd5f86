"""aiokafka from PyPI."""

import client_suite
import support

Confluent = client_suite.of("aiokafka")

if __name__ == "__main__":
    support.main()

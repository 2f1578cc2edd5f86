"""Kafka's own client, as of 3.9 and of 4.3, through everything that other clients are put to."""

import client_suite
import support

Java39 = client_suite.of("java-3.9")
Java43 = client_suite.of("java-4.3")

if __name__ == "__main__":
    support.main()

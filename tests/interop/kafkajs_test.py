"""kafkajs, the client for Node.js."""

import client_suite
import support

Kafkajs = client_suite.of("kafkajs")

if __name__ == "__main__":
    support.main()

"""The two clients for Go: franz-go, and sarama with its newest and its oldest protocol."""

import client_suite
import support

FranzGo = client_suite.of("franz-go")
SaramaNewest = client_suite.of("sarama-newest")
SaramaOldest = client_suite.of("sarama-oldest")

if __name__ == "__main__":
    support.main()

"""Metrics of the release binary, scraped as Prometheus does."""

import http.client
import re
import socket

import support
import wire
from wire import Connection

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
NUMBER = r"(?:[-+]?[0-9.]+(?:e[-+]?[0-9]+)?|\+Inf|NaN)"
SAMPLE = re.compile(rf"({NAME})((?:\{{{LABEL}(?:,{LABEL})*\}})?) ({NUMBER})")
COMMENT = re.compile(rf"# (?:HELP {NAME} .+|TYPE {NAME} (?:counter|gauge|histogram))")


class MetricsTest(support.BrokerTest):
    def setUp(self):
        super().setUp()
        self.port = support.free_port()
        self.broker = self.start_broker(metrics_listener=f"127.0.0.1:{self.port}")

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type"), answer.read().decode()
        finally:
            connection.close()

    def scrape(self):
        status, content_type, text = self.get("/metrics")
        self.assertEqual(status, 200)
        self.assertTrue(content_type.startswith("text/plain; version=0.0.4"), content_type)
        samples = {}
        for line in text.splitlines():
            if line.startswith("#"):
                self.assertRegex(line, f"^(?:{COMMENT.pattern})$")
                continue
            match = SAMPLE.fullmatch(line)
            self.assertIsNotNone(match, line)
            self.assertNotIn(match[1] + match[2], samples, "a sample that stands there twice")
            samples[match[1] + match[2]] = float(match[3])
        return samples

    def test_what_was_done_is_counted(self):
        wire.create_topic(self.broker, "t", 3)
        batch = wire.batch([b"x" * 1000])
        with Connection(self.broker) as connection:
            for _ in range(7):
                self.assertEqual(wire.produce(connection, "t", batch, acks=-1)[0], 0)
            self.assertNotEqual(wire.produce(connection, "none", batch)[0], 0)
            samples = self.scrape()
        self.assertEqual(samples['millrace_requests_total{api="Produce"}'], 8)
        self.assertGreater(samples['millrace_request_bytes_total{api="Produce"}'], 8000)
        self.assertEqual(samples['millrace_request_duration_seconds_count{api="Produce"}'], 8)
        self.assertEqual(samples['millrace_request_errors_total{api="Produce",'
                                 'error="UNKNOWN_TOPIC_OR_PARTITION"}'], 1)
        self.assertEqual(samples["millrace_connections"], 1)
        self.assertEqual(samples["millrace_partitions"], 3)
        self.assertGreater(samples["millrace_log_bytes"], 7000)
        self.assertGreater(samples["process_resident_memory_bytes"], 1 << 20)
        self.assertGreater(samples["millrace_memory_limit_bytes"],
                           samples["millrace_memory_used_bytes"])

    def test_every_counter_only_grows(self):
        before = self.scrape()
        with Connection(self.broker) as connection:
            connection.request(wire.API_METADATA, 1, b"\xff\xff\xff\xff")
        after = self.scrape()
        for name, value in before.items():
            if "_total" in name or "_count" in name or "_bucket" in name:
                self.assertGreaterEqual(after[name], value, name)

    def test_clients_that_stay_silent_do_not_keep_others_out_for_ever(self):
        silent = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(40)]
        with Connection(self.broker) as connection:
            self.assertIsNotNone(connection.request(wire.API_VERSIONS, 0, b""))

        def is_served():
            try:
                return self.get("/metrics")[0] == 200
            except (OSError, http.client.HTTPException):
                return False
        support.wait_until(is_served, "an answer beside silent clients", 60)
        for one in silent:
            one.close()

    def test_other_paths_and_methods(self):
        self.assertEqual(self.get("/")[0], 404)
        self.assertEqual(self.get("/metrics", "DELETE")[0], 405)
        self.assertEqual(self.get("/metrics", "HEAD")[2], "")


if __name__ == "__main__":
    support.main()

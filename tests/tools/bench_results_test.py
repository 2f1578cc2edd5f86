"""What bench/system/matrix.py makes of its windows: dropped rounds, ratios, goals, tables."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "bench", "system"))
import goals  # pylint: disable=wrong-import-position
import results as reading  # pylint: disable=wrong-import-position


def windows(row, member, rounds):
    """`rounds`: a tuple of how far the probe moved, and each side's figure."""
    return [{"row": row, "server": side, "pair": number, "probe_moved": moved, member: value}
            for number, (moved, sides) in enumerate(rounds) for side, value in sides.items()]


class Row:
    name = "produce-100k"
    sides = ("null", "millrace")
    rate = "mb_per_s"


class ResultsTest(unittest.TestCase):
    def test_a_round_whose_probe_moved_does_not_count(self):
        results = reading.Results(windows("produce-100k", "mb_per_s", [
            (0.01, {"null": 100, "millrace": 80}), (0.16, {"null": 100, "millrace": 10}),
            (0.02, {"null": 100, "millrace": 90})]))
        ratio = results.ratio("produce-100k", "mb_per_s", ("null", "millrace"))
        self.assertAlmostEqual(ratio.median, 0.85)
        self.assertEqual((ratio.low, ratio.high), (0.8, 0.9))
        self.assertEqual(results.rounds("produce-100k"), (3, 1))
        self.assertFalse(results.all_moved("produce-100k"))

    def test_when_every_probe_moved_all_count_and_the_goal_says_so(self):
        results = reading.Results(windows("produce-100k", "mb_per_s", [
            (0.5, {"null": 100, "millrace": 90}), (0.5, {"null": 100, "millrace": 70})]))
        self.assertTrue(results.all_moved("produce-100k"))
        self.assertIn("met, noisy", goals.table(results))
        self.assertIn("all moved", reading.table(results, [Row]))
        self.assertIn("NOISY", " ".join(reading.remarks(results, [Row])))

    def test_ratios_and_differences_are_of_one_round(self):
        results = reading.Results(windows("end-to-end-1000-acks-1", "p50_us", [
            (0, {"relay": 100, "millrace": 110}), (0, {"relay": 200, "millrace": 230}),
            (0, {"relay": 300, "millrace": 320})]))
        gap = results.difference("end-to-end-1000-acks-1", "p50_us", ("relay", "millrace"))
        self.assertEqual((gap.low, gap.median, gap.high), (10, 20, 30))

    def test_a_goal_is_met_or_not_or_named_as_not_measured(self):
        good = goals.table(reading.Results(windows(
            "produce-1-record", "server_cpu_us_per_request", [(0, {"millrace": 5.5})])))
        bad = goals.table(reading.Results(windows(
            "produce-1-record", "server_cpu_us_per_request", [(0, {"millrace": 7})])))
        self.assertRegex(good, r"CPU of each +\| <= 6 us +\| 5\.5 us +\| met +\|")
        self.assertRegex(bad, r"CPU of each +\| <= 6 us +\| 7 us +\| NOT met")
        self.assertIn("Not measured: produce, 100 KiB batches", good)

    def test_synced_defaults_are_held_against_the_disk_where_it_is_the_slower(self):
        rates = windows("defaults-java-1", "mb_per_s", [(0, {"millrace": 80, "kafka": 200})])
        row = goals.of_what_is_possible("defaults-java-1")

        def share(disk):
            curve = {"row": "sync-curve", "server": "disk", "pair": 0,
                     "synced_1m_mb_per_s": disk}
            return row(reading.Results([*rates, curve]))

        self.assertAlmostEqual(share(100), 80 / 70)
        self.assertAlmostEqual(share(1000).median, 0.4)

    def test_a_server_that_was_not_measured_leaves_a_gap(self):
        results = reading.Results(windows("produce-100k", "mb_per_s", [(0, {"millrace": 80})]))
        self.assertIsNone(results.ratio("produce-100k", "mb_per_s", ("kafka", "millrace")))
        self.assertIn("| - ", reading.table(results, [Row]))

    def test_windows_without_an_acknowledgement_and_the_probes_range_are_named(self):
        results = reading.Results([
            {"row": "produce-100k", "server": "kafka", "pair": 0, "bytes": 0, "probe_after": 27.0},
            {"row": "produce-100k", "server": "null", "pair": 0, "bytes": 9, "probe_after": 900.0}])
        said = " ".join(reading.remarks(results, [Row]))
        self.assertIn("nothing acknowledged in a window", said)
        self.assertIn("from 27 to 900 MB/s", said)

    def test_text_has_the_columns_without_bars(self):
        text = reading.as_text("| a | b |\n|---|---|\n| 1 | 2 |\n")
        self.assertEqual(text, "a  b\n-  -\n1  2\n")


if __name__ == "__main__":
    unittest.main()

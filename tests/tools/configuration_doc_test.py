"""docs/configuration.md says of every property what broker/core/property_table.cc says."""

import os
import re
import unittest

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
TABLE = os.path.join(ROOT, "broker", "core", "property_table.cc")
DOCUMENT = os.path.join(ROOT, "docs", "configuration.md")

TYPES = {"kBool": "bool", "kInt": "int", "kLong": "long", "kText": "text"}
NUMBERS = {"INT64_MAX": 2**63 - 1, "INT16_MAX": 2**15 - 1, "kInt32Max": 2**31 - 1, "kMiB": 2**20}
STRING = r'"(?:[^"\\]|\\.)*"'
ENTRY = re.compile(
    rf"\{{\s*({STRING})\s*,\s*(kBroker|kTopic)\s*,\s*(k\w+)\s*,\s*({STRING})\s*,\s*([-\w]+)\s*,"
    rf"\s*([-\w]+)\s*,\s*({STRING})\s*,\s*({STRING})\s*,\s*((?:{STRING}\s*)+)\}}")


def text_of(literals):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


def number_of(text):
    return NUMBERS[text] if text in NUMBERS else int(text)


def bounds_of(kind, least, most, choices):
    if choices:
        return " or ".join(f"`{choice}`" for choice in choices.split(","))
    if kind in ("int", "long"):
        return f"{least} to {most}"
    return "—"


def read_table(source):
    """(scope, name) -> the cells that the document must show, but for the help."""
    rows = {}
    for name, scope, kind, default, least, most, choices, broker, meaning in ENTRY.findall(source):
        kind = TYPES[kind]
        cells = {"type": kind, "default": text_of(default) or "none",
                 "bounds": bounds_of(kind, number_of(least), number_of(most), text_of(choices))}
        if scope == "kTopic":
            cells["default"] = text_of(broker)
        else:
            cells["help"] = text_of(meaning)
        rows[scope, text_of(name)] = cells
    return rows


def read_document(source):
    """(scope, name) -> the cells of the two tables in docs/configuration.md."""
    rows = {}
    columns, scope = [], None
    for line in source.splitlines():
        if line.startswith("## "):
            scope = {"## Broker properties": "kBroker", "## Topic properties": "kTopic"}.get(line)
        if scope is None or not line.startswith("|") or line.startswith("|---"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "Property":
            columns = [cell.lower() for cell in cells]
            continue
        row = dict(zip(columns, cells))
        row["default"] = row.pop("default").strip("`")
        rows[scope, row.pop("property").strip("`")] = row
    return rows


class ConfigurationDocTest(unittest.TestCase):
    def setUp(self):
        with open(TABLE, encoding="utf-8") as file:
            self.source = file.read()
        with open(DOCUMENT, encoding="utf-8") as file:
            self.documented = read_document(file.read())
        self.table = read_table(self.source)

    def test_the_table_is_understood(self):
        entries = len(re.findall(r"^\s*\{\"", self.source, re.M))
        self.assertEqual(len(self.table), entries, "entries of property_table.cc")
        self.assertIn(("kBroker", "node.id"), self.table)
        self.assertIn(("kTopic", "write.caching"), self.table)

    def test_a_wrong_default_is_seen(self):
        source = self.source.replace('"num.disk.threads", kBroker, kInt, "4"',
                                     '"num.disk.threads", kBroker, kInt, "5"')
        self.assertNotEqual(read_table(source), self.table)

    def test_nothing_is_missing_and_nothing_is_invented(self):
        self.assertEqual(sorted(self.documented), sorted(self.table))

    def test_every_row_says_what_the_table_says(self):
        for key, expected in self.table.items():
            with self.subTest(property=key):
                found = self.documented.get(key, {})
                self.assertEqual({column: found.get(column) for column in expected}, expected)


if __name__ == "__main__":
    unittest.main()

"""docs/configuration.md ends with what `millrace config reference` prints.

    configuration_doc_test.py MILLRACE            tests it
    configuration_doc_test.py --write MILLRACE    brings the document up to date
"""

import os
import subprocess
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
DOCUMENT = os.path.join(ROOT, "docs", "configuration.md")
FIRST_LINE = "## Broker properties\n"


def reference(program):
    printed = subprocess.run([program, "config", "reference"], capture_output=True, text=True,
                             timeout=60, check=True).stdout
    if not printed.startswith(FIRST_LINE) or "| `write.caching` |" not in printed:
        sys.exit(f"this is no reference:\n{printed}")
    return printed


def main():
    write = sys.argv[1] == "--write"
    printed = reference(sys.argv[-1])
    with open(DOCUMENT, encoding="utf-8") as file:
        document = file.read()
    head, found, _ = document.partition(FIRST_LINE)
    if write:
        with open(DOCUMENT, "w", encoding="utf-8") as file:
            file.write(head + printed)
        return
    if found and document == head + printed:
        return
    missing = [line for line in printed.splitlines() if line not in document.splitlines()]
    sys.exit("docs/configuration.md is not what the property table says; lines that are missing:\n"
             + "\n".join(missing) + f"\nRun: python3 {sys.argv[0]} --write {sys.argv[-1]}")


if __name__ == "__main__":
    main()

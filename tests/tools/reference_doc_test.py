"""A document ends with what a command of the program prints.

    reference_doc_test.py DOCUMENT FIRST_LINE MILLRACE ARGUMENT...            tests it
    reference_doc_test.py --write DOCUMENT FIRST_LINE MILLRACE ARGUMENT...    brings it up to date
"""

import os
import subprocess
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
LINES_MIN = 10


def reference(command, first_line):
    printed = subprocess.run(command, capture_output=True, text=True, timeout=60,
                             check=True).stdout
    if not printed.startswith(first_line) or printed.count("\n") < LINES_MIN:
        sys.exit(f"this is no reference:\n{printed}")
    return printed


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    name, first_line, command = arguments[0], arguments[1] + "\n", arguments[2:]
    path = os.path.join(ROOT, name)
    printed = reference(command, first_line)
    with open(path, encoding="utf-8") as file:
        document = file.read()
    head, found, _ = document.partition(first_line)
    if "--write" in sys.argv:
        with open(path, "w", encoding="utf-8") as file:
            file.write(head + printed)
        return
    if found and document == head + printed:
        return
    missing = [line for line in printed.splitlines() if line not in document.splitlines()]
    again = " ".join(f"'{argument}'" for argument in arguments)
    sys.exit(f"{name} is not what {' '.join(command[1:])} says; lines that are missing:\n"
             + "\n".join(missing) + f"\nRun: python3 {sys.argv[0]} --write {again}")


if __name__ == "__main__":
    main()

"""Kafka's Java clients read what our writer encodes, and write it again to the same bytes.

The lines of `print_messages` go through GoldenBytes.java with kafka-clients 4.3.0; those of
versions that it dropped go through 3.9.2. CTest runs this as `golden_recode`.
"""

import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
INTEROP_DIR = os.environ.get("MILLRACE_INTEROP_DIR", os.path.join(ROOT, "build", "interop"))
PRINT_MESSAGES = os.environ.get(
    "MILLRACE_PRINT_MESSAGES", os.path.join(ROOT, "build", "release", "bin", "print_messages"))
# The newest first: what one does not know, the next is asked. The folders are those of
# tests/interop/setup.py.
CLIENTS = [("4.3.0", os.path.join(INTEROP_DIR, "java", "libs")),
           ("3.9.2", os.path.join(INTEROP_DIR, "kafka-clients-3.9.2", "libs"))]
FINDINGS_SHOWN = 20
SKIPPED = 77  # CTest's SKIP_RETURN_CODE.


def recode(libs, lines):
    """What the clients in `libs` make of each line."""
    done = subprocess.run(
        ["java", "-cp", os.path.join(libs, "*"), os.path.join(HERE, "GoldenBytes.java"), "recode"],
        input="\n".join(lines) + "\n", stdout=subprocess.PIPE, text=True, check=True, timeout=400)
    answers = done.stdout.splitlines()
    if len(answers) != len(lines):
        raise AssertionError(f"{len(answers)} answers to {len(lines)} lines")
    return answers


def check(version, libs, lines):
    """Returns what is wrong with the lines, and those that these clients do not know."""
    findings, unknown = [], []
    for line, answer in zip(lines, recode(libs, lines)):
        if answer == "unknown":
            unknown.append(line)
        elif answer != line.rpartition(" ")[2]:
            findings.append(f"{line[:400]}\n    kafka-clients {version}: {answer[:400]}")
    print(f"kafka-clients {version}: {len(lines) - len(unknown)} messages, "
          f"{len(findings)} of them differ")
    return findings, unknown


def main():
    missing = [libs for _, libs in CLIENTS if not glob.glob(os.path.join(libs, "kafka-clients-*"))]
    if missing:
        print(f"skipped: no kafka-clients in {', '.join(missing)}")
        return SKIPPED
    lines = subprocess.run([PRINT_MESSAGES], stdout=subprocess.PIPE, text=True, check=True,
                           timeout=120).stdout.splitlines()
    total = len(lines)
    findings = []
    for version, libs in CLIENTS:
        found, lines = check(version, libs, lines)
        findings += found
    findings += [f"{line[:80]}: none of these clients knows the version" for line in lines]
    if total < 1000:
        findings.append(f"only {total} messages were printed")
    for finding in findings[:FINDINGS_SHOWN]:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

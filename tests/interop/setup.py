"""Prepares once what the interop tests need: a venv with confluent-kafka, and Kafka's Java client.

CTest runs this as the fixture `interop_setup`. What cannot be had on this machine is reported in a
line, and the tests that need it are skipped: this program only fails on a bug of its own.
"""

import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys

from support import INTEROP_DIR, JAVA_DIR, VENV_DIR

HERE = os.path.dirname(os.path.abspath(__file__))
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"


def run(command, **options):
    """Runs a command; returns None, or the reason why it failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False,
                              **options)
    except OSError as error:
        return str(error)
    except subprocess.TimeoutExpired:
        return f"{command[0]} took more than 15 minutes"
    if done.returncode == 0:
        return None
    return f"{' '.join(command[:4])} ...: {(done.stdout + done.stderr).strip()[-2000:]}"


def stamped(folder, stamp):
    """Whether `folder` was finished from the same inputs before."""
    try:
        with open(os.path.join(folder, "stamp"), encoding="utf-8") as file:
            return file.read() == stamp
    except OSError:
        return False


def finish(folder, stamp):
    with open(os.path.join(folder, "stamp"), "w", encoding="utf-8") as file:
        file.write(stamp)


def prepare_venv():
    stamp = f"{sys.version}\n{os.path.realpath(sys.executable)}"
    if stamped(VENV_DIR, stamp):
        return None
    shutil.rmtree(VENV_DIR, ignore_errors=True)
    reason = run([sys.executable, "-m", "venv", VENV_DIR])
    reason = reason or run([os.path.join(VENV_DIR, "bin", "python"), "-m", "pip", "install",
                            "--quiet", "confluent-kafka"])
    if reason is None:
        finish(VENV_DIR, stamp)
    return reason


def prepare_java():
    pom = os.path.join(HERE, "java", "pom.xml")
    source = os.path.join(HERE, "java", "Interop.java")
    digest = hashlib.sha256()
    for name in (pom, source):
        with open(name, "rb") as file:
            digest.update(file.read())
    if stamped(JAVA_DIR, digest.hexdigest()):
        return None
    shutil.rmtree(JAVA_DIR, ignore_errors=True)
    libs, classes = os.path.join(JAVA_DIR, "libs"), os.path.join(JAVA_DIR, "classes")
    os.makedirs(classes)
    shutil.copy(pom, JAVA_DIR)
    copy = ["mvn", "--batch-mode", "--quiet", PLUGIN, f"-DoutputDirectory={libs}"]
    # First with what an earlier run has left in the local repository.
    if run([*copy, "--offline"], cwd=JAVA_DIR) is not None:
        reason = run(copy, cwd=JAVA_DIR)
        if reason is not None:
            return reason
    reason = run(["javac", "-cp", f"{libs}/*", "-d", classes, source])
    if reason is None:
        finish(JAVA_DIR, digest.hexdigest())
    return reason


def prepare_old_kafka_clients():
    """kafka-clients 3.9.2 alone, for tests/golden/recode_test.py."""
    folder = os.path.join(INTEROP_DIR, "kafka-clients-3.9.2")
    pom = os.path.join(HERE, "..", "golden", "pom.xml")
    with open(pom, encoding="utf-8") as file:
        stamp = file.read()
    if stamped(folder, stamp):
        return None
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    shutil.copy(pom, folder)
    copy = ["mvn", "--batch-mode", "--quiet", "-Dkafka.version=3.9.2", PLUGIN,
            f"-DoutputDirectory={os.path.join(folder, 'libs')}"]
    reason = run([*copy, "--offline"], cwd=folder)
    reason = reason and run(copy, cwd=folder)
    if reason is None:
        finish(folder, stamp)
    return reason


def main():
    os.makedirs(INTEROP_DIR, exist_ok=True)
    with open(os.path.join(INTEROP_DIR, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, prepare in (("confluent-kafka", prepare_venv), ("Kafka for Java", prepare_java),
                              ("kafka-clients 3.9.2", prepare_old_kafka_clients)):
            reason = prepare()
            state = "ready" if reason is None else f"NOT available: {reason}"
            print(f"interop: {name}: {state}")
    print(f"interop: {len(glob.glob(os.path.join(JAVA_DIR, 'libs', '*.jar')))} jars")


if __name__ == "__main__":
    main()

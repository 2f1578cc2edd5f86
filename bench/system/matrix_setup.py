"""What matrix.py needs beyond our own programs, fetched once by package name: Apache Kafka with its
tools (Maven), matplotlib (PyPI). Folders and stamps as in the interop tests."""

import fcntl
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(ROOT / "tests" / "interop"))
import setup  # pylint: disable=wrong-import-position
import support  # pylint: disable=wrong-import-position

PLOTS_DIR = os.path.join(support.INTEROP_DIR, "plots")
PLOTS_PYTHON = pathlib.Path(PLOTS_DIR) / "bin" / "python"
DRIVERS = [str(HERE / "java" / "DefaultProducers.java")]
DRIVERS_DIR = os.path.join(support.INTEROP_DIR, "bench-java")
LIBRARIES = os.path.join(support.JAVA_DIR, "libs", "*")
CLASS_PATH = DRIVERS_DIR + ":" + LIBRARIES


def _compile_drivers() -> str | None:
    return setup.prepare(DRIVERS_DIR, setup.digest(DRIVERS), lambda: setup.run(
        ["javac", "-nowarn", "-cp", LIBRARIES, "-d", DRIVERS_DIR, *DRIVERS]))


def prepare() -> dict[str, bool]:
    """What can be had; says why when something cannot."""
    os.makedirs(support.INTEROP_DIR, exist_ok=True)
    parts = {"kafka": setup.PREPARATIONS["Kafka for Java"], "java": _compile_drivers,
             "plots": lambda: setup.prepare_venv(PLOTS_DIR, str(HERE / "plots.txt"))}
    ready = {}
    with open(os.path.join(support.INTEROP_DIR, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, work in parts.items():
            reason = work()
            ready[name] = reason is None
            if reason is not None:
                print(f"bench: {name} is NOT available: {reason}", flush=True)
    return ready


def java_version() -> str:
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    return said.stderr.splitlines()[0] if said.stderr else "none"

#!/usr/bin/env python3
"""User-space instructions of a produce request with one batch, counted by callgrind.

    bench/system/instructions.py build/release/bin/millrace [another binary ...]

Each binary serves under callgrind twice, with few requests and with many: the difference, divided
by the requests between, has neither start nor stop in it. Instructions do not depend on what else
the machine does, so two binaries can be compared at any time.
"""

import argparse
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parents[1] / "tests" / "interop")]
import servers  # pylint: disable=wrong-import-position
import wire  # pylint: disable=wrong-import-position

RECORD_BYTES = 1024
TOPIC = "instructions"
START_SECONDS_MAX = 120


class Peer:
    def __init__(self, port: int):
        self.port = port


def wait_for(output: pathlib.Path, text: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while text not in output.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the broker does not start:\n{output.read_text()[-2000:]}")
        time.sleep(0.05)


def instructions(binary: pathlib.Path, requests: int, work: pathlib.Path) -> int:
    """What a whole run costs that serves so many requests."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    # Valgrind cannot read the debug information of newer compilers, and does not need it.
    stripped = work / "millrace"
    subprocess.run(["strip", "--strip-debug", "-o", str(stripped), str(binary)], check=True)
    peer = Peer(servers.free_port())
    output = work / "output"
    profile = work / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", str(stripped),
               "serve", "--data-dir", str(work / "data"), "--listen", f"127.0.0.1:{peer.port}",
               "--set", "num.shards=1", "--log-level", "error"]
    with open(output, "wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        wait_for(output, "listening on", process)
        wire.create_topic(peer, TOPIC, 1)
        batch = wire.batch([b"x" * RECORD_BYTES], timestamp=int(time.time() * 1000))
        with wire.Connection(peer, seconds=START_SECONDS_MAX) as connection:
            for number in range(requests):
                answer = wire.produce(connection, TOPIC, batch)
                if answer != (0, number):
                    raise SystemExit(f"request {number} was answered {answer}")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=START_SECONDS_MAX)
    finally:
        process.kill()
    total = re.search(r"^(?:totals|summary):\s+(\d+)", profile.read_text(), re.MULTILINE)
    if total is None:
        raise SystemExit(f"no total in {profile}")
    return int(total.group(1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binaries", nargs="+", type=pathlib.Path)
    parser.add_argument("--requests", type=int, default=1000)
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed")
    first = None
    with tempfile.TemporaryDirectory(prefix="millrace-instructions-") as folder:
        work = pathlib.Path(folder) / "run"
        for binary in options.binaries:
            few = instructions(binary, options.requests, work)
            many = instructions(binary, 2 * options.requests, work)
            each = (many - few) / options.requests
            first = first or each
            print(f"{each:8.0f} instructions a request, {each / first:5.3f} of the first: {binary}")


if __name__ == "__main__":
    main()

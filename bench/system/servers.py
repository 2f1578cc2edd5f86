"""The two servers that a benchmark compares: started for a window, killed after it, files removed.

They are killed, not stopped: an orderly stop would sync gigabytes that are about to be deleted.
"""

import argparse
import json
import mmap
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import time
import urllib.request

START_DEADLINE_S = 120


class ServerFailed(RuntimeError):
    """A server that did not start, or ended; carries the end of its output."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def touch_memory(gigabytes: int) -> None:
    """Touches memory that is free, just before a window whose page cache will need it.

    A virtual machine's host backs a page when the guest first uses it, and may take it back soon
    after the guest has freed it. Until it is backed again each page of the page cache costs ten
    times as much (docs/benchmarks.md)."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    touched = [mmap.mmap(-1, 1 << 30, flags=flags) for _ in range(gigabytes)]
    for piece in touched:
        piece.close()


def add_touch_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--touch-gb", type=int, default=3,
                        help="memory touched before a window that writes (docs/benchmarks.md)")


def metrics_of(port: int, prefix: str) -> dict[str, float]:
    """What a broker with that metrics.listener counts under names that begin so."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in lines if line.startswith(prefix))}


class Server:
    """A server process on a fresh directory; a context manager."""

    def __init__(self, name: str, command: list[str], directory: pathlib.Path, port: int,
                 preload: dict[str, str]):
        self.name = name
        self.port = port
        self._command = command
        self._directory = directory
        self._environment = {**os.environ, **preload}
        self._process: subprocess.Popen | None = None
        self.started_at = 0.0  # of time.monotonic(), just before exec

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> "Server":
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(parents=True)
        self._output = open(self._directory.with_suffix(".output"), "w+b")
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.kill()
        self._output.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def directory(self) -> pathlib.Path:
        return self._directory

    def start(self) -> None:
        """Again after stop() or kill(), with what is in the directory; done when it takes
        connections."""
        self.started_at = time.monotonic()
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=self._output, stderr=subprocess.STDOUT)
        self._connect().close()

    def stop(self) -> None:
        """In order."""
        self._process.terminate()
        if (status := self._process.wait()) != 0:
            raise ServerFailed(f"{self.name} ended with {status}:\n{self.output()}")
        self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _connect(self) -> socket.socket:
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port))
            except ConnectionRefusedError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise ServerFailed(f"{self.name} does not accept connections:\n{self.output()}")
                time.sleep(0.0002)

    def output(self) -> str:
        return self._directory.with_suffix(".output").read_text(errors="replace")[-2000:]

    def answer_api_versions(self) -> None:
        """One ApiVersions 0 request and its answer."""
        client = b"bench"
        body = struct.pack(">hhih", 18, 0, 1, len(client)) + client
        with self._connect() as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = connection.recv(65536)
        if len(answer) < 10 or struct.unpack(">h", answer[8:10])[0] != 0:
            raise ServerFailed(f"{self.name} did not answer ApiVersions:\n{self.output()}")

    def resident_bytes(self) -> int:
        return self._memory("VmRSS:")

    def peak_bytes(self) -> int:
        """The most that was resident at a time since the start."""
        return self._memory("VmHWM:")

    def _memory(self, name: str) -> int:
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
        raise ServerFailed(f"{self.name} has ended:\n{self.output()}")


def run_load(program: pathlib.Path, server: Server, arguments: list[str],
             seconds: float) -> dict:
    """What millrace_load says of a window on a server."""
    command = [str(program), *arguments, "--port", str(server.port), "--pid", str(server.pid),
               "--seconds", str(seconds)]
    if server.name != "null" and arguments[0] == "produce":
        command.append("--create-topic")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise ServerFailed(f"{' '.join(command)}\n{done.stderr}\n"
                           f"{server.name} said:\n{server.output()}")
    return json.loads(done.stdout)


class Binaries:
    """Where the programs are, and how they are started."""

    def __init__(self, build: pathlib.Path, work: pathlib.Path, settings: list[str]):
        self.load = build / "bin" / "millrace_load"
        self._null = build / "bin" / "null_broker"
        self._broker = build / "bin" / "millrace"
        self._counter = build / "bin" / "libcount_allocations.so"
        self._work = work
        self._settings = settings
        for program in (self.load, self._null, self._broker, self._counter):
            if not program.exists():
                raise SystemExit(f"{program} is missing: build the preset `release` first")

    def null(self, fetch_bytes: int = 0, log_bytes: int = 4 << 30, name: str = "null") -> Server:
        port = free_port()
        directory = self._work / name
        command = [self._null, "--port", port, "--dir", directory, "--fetch-bytes", fetch_bytes,
                   "--log-bytes", log_bytes]
        return Server("null", [str(word) for word in command], directory, port, {})

    def relay(self) -> Server:
        port = free_port()
        command = [str(self._null), "--relay", "--port", str(port)]
        return Server("relay", command, self._work / "relay", port, {})

    def broker(self, allocation_counts: pathlib.Path | None = None,
               program: pathlib.Path | None = None, name: str = "millrace") -> Server:
        port = free_port()
        directory = self._work / name
        command = [str(program or self._broker), "serve", "--data-dir", str(directory),
                   "--listen", f"127.0.0.1:{port}"]
        for setting in self._settings:
            command += ["--set", setting]
        preload = {}
        if allocation_counts is not None:
            preload = {"LD_PRELOAD": str(self._counter),
                       "MILLRACE_ALLOCATION_COUNTS": str(allocation_counts)}
        return Server(name, command, directory, port, preload)

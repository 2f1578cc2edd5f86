"""Prepares once what the interop tests need: venvs, Kafka's Java clients, kafkajs, Go programs.

CTest runs this as the fixture `interop_setup`. Each of them has a folder of its own. What cannot be
had on this machine is reported in a line, and the tests that need it are skipped: this program only
fails on a bug of its own.
"""

import fcntl
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys

from support import (GO_DIR, INTEROP_DIR, JAVA39_DIR, JAVA_DIR, JS_DIR, PYTHON_CLIENTS_DIR,
                     VENV_DIR)

HERE = os.path.dirname(os.path.abspath(__file__))
DRIVERS = os.path.join(HERE, "drivers")
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
JS_FILES = ("package.json", "kafkajs_driver.js", "kafkajs_member.js")
GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


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


def digest(names):
    """What changes when one of the files does."""
    found = hashlib.sha256()
    for name in names:
        with open(name, "rb") as file:
            found.update(file.read())
    return found.hexdigest()


def prepare(folder, stamp, work):
    """Does the work in an empty folder, unless it was done before; returns None, or a reason."""
    if stamped(folder, stamp):
        return None
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    reason = work()
    if reason is None:
        finish(folder, stamp)
    return reason


def prepare_venv(folder, requirements):
    requirements = os.path.join(DRIVERS, requirements)
    python = f"{sys.version}\n{os.path.realpath(sys.executable)}\n"

    def work():
        reason = run([sys.executable, "-m", "venv", folder])
        return reason or run([os.path.join(folder, "bin", "python"), "-m", "pip", "install",
                              "--quiet", "-r", requirements])

    return prepare(folder, python + digest([requirements]), work)


def prepare_java(folder, pom, names, *options):
    sources = [os.path.join(HERE, "java", name) for name in names]
    libs, classes = os.path.join(folder, "libs"), os.path.join(folder, "classes")

    def work():
        os.makedirs(classes)
        shutil.copy(pom, os.path.join(folder, "pom.xml"))
        copy = ["mvn", "--batch-mode", "--quiet", *options, PLUGIN, f"-DoutputDirectory={libs}"]
        # First with what an earlier run has left in the local repository.
        if run([*copy, "--offline"], cwd=folder) is not None:
            reason = run(copy, cwd=folder)
            if reason is not None:
                return reason
        return run(["javac", "-nowarn", "-cp", f"{libs}/*", "-d", classes, *sources])

    return prepare(folder, digest([pom, *sources]), work)


def prepare_js():
    inputs = [os.path.join(DRIVERS, name) for name in JS_FILES]

    def work():
        for name in inputs:
            shutil.copy(name, JS_DIR)
        return run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund",
                    "--loglevel=error"], cwd=JS_DIR)

    return prepare(JS_DIR, digest(inputs), work)


def wanted_go():
    with open(os.path.join(DRIVERS, "go", "go.mod"), encoding="utf-8") as file:
        return re.search(r"^go (\S+)$", file.read(), re.MULTILINE).group(1)


def numbers(version):
    return [int(number) for number in re.findall(r"\d+", version)]


def find_go():
    """Returns a Go that is new enough, and None; or None, and the reason.

    Debian's is too old for the clients, but it can fetch a newer one, which is a Go module.
    """
    found = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False,
                           env={**os.environ, "GOTOOLCHAIN": "local"})
    if numbers(found.stdout) >= numbers(wanted_go()):
        return "go", None
    machine = GO_ARCHITECTURES.get(platform.machine(), platform.machine())
    module = f"golang.org/toolchain@v0.0.1-go{wanted_go()}.linux-{machine}"
    done = subprocess.run(["go", "mod", "download", "-json", module], capture_output=True,
                          text=True, timeout=900, check=False, cwd="/",
                          env={**os.environ, "GOFLAGS": "-mod=mod"})
    if done.returncode != 0:
        return None, f"{module}: {(done.stdout + done.stderr).strip()[-2000:]}"
    folder = json.loads(done.stdout)["Dir"]
    # A module holds no executables, as far as Go is concerned.
    for path in glob.glob(f"{folder}/bin/*") + glob.glob(f"{folder}/pkg/tool/*/*"):
        os.chmod(path, 0o755)
    return os.path.join(folder, "bin", "go"), None


def prepare_go():
    source = os.path.join(DRIVERS, "go")
    inputs = sorted(path for path in glob.glob(f"{source}/**", recursive=True)
                    if os.path.isfile(path))

    def work():
        try:
            go, reason = find_go()
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if reason is not None:
            return reason
        # A copy, for Go may write to go.sum.
        copy = shutil.copytree(source, os.path.join(GO_DIR, "src"))
        environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
        environment.pop("GOROOT", None)
        return run([go, "build", "-o", os.path.join(GO_DIR, "bin") + os.sep, "./..."], cwd=copy,
                   env=environment)

    return prepare(GO_DIR, digest(inputs), work)


PREPARATIONS = {
    "confluent-kafka": lambda: prepare_venv(VENV_DIR, "confluent.txt"),
    "kafka-python and aiokafka": lambda: prepare_venv(PYTHON_CLIENTS_DIR, "python.txt"),
    "Kafka for Java": lambda: prepare_java(JAVA_DIR, os.path.join(HERE, "java", "pom.xml"),
                                           ["Interop.java", "Driver.java", "Member.java",
                                            "Tools.java"]),
    # The clients alone: tests/golden/recode_test.py needs them, too.
    "kafka-clients 3.9.2": lambda: prepare_java(
        JAVA39_DIR, os.path.join(HERE, "..", "golden", "pom.xml"), ["Driver.java", "Member.java"],
        "-Dkafka.version=3.9.2"),
    "kafkajs": prepare_js,
    "franz-go and sarama": prepare_go,
}


def main():
    os.makedirs(INTEROP_DIR, exist_ok=True)
    with open(os.path.join(INTEROP_DIR, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, work in PREPARATIONS.items():
            reason = work()
            state = "ready" if reason is None else f"NOT available: {reason}"
            print(f"interop: {name}: {state}", flush=True)
    print(f"interop: {len(glob.glob(os.path.join(JAVA_DIR, 'libs', '*.jar')))} jars")


if __name__ == "__main__":
    main()

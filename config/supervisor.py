"""Runs several processes as one: all of them, or none."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from config.embedded import Engines, dies_with_parent
from config.processes import here

Process = subprocess.Popen[bytes]


class Stopped(Exception):
    """Somebody asked us to stop: Ctrl-C, TERM, or the terminal was closed."""


class ProcessFailed(Exception):
    """A process ended that should not have, or failed at its one task."""


def say(text: str) -> None:
    """Write to the terminal, if there still is one."""
    with contextlib.suppress(OSError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class Supervisor:
    """Starts processes, notices when one ends, stops them in order."""

    # Beat first, so that nothing new is sent; the worker last, and it may finish what it does.
    STOP_ORDER = (("beat", 5), ("web", 15), ("worker", 30))

    def __init__(self, engines: Engines, *, cwd: Path) -> None:
        self.engines = engines
        self.cwd = cwd
        self.logs = engines.data / "logs"
        self.processes: dict[str, Process] = {}
        self.asked = False

    def listen(self) -> None:
        """From here on signals do not end this process, but make `check` raise Stopped."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        if self.asked:  # asked twice: no more patience
            for process in self.processes.values():
                _kill_group(process)
        self.asked = True

    def check(self) -> None:
        """Raise Stopped or ProcessFailed when it is time to stop."""
        if self.asked:
            raise Stopped
        if engine := self.engines.died():
            raise ProcessFailed(engine)
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise ProcessFailed(f"{name} ended by itself ({process.returncode}), see {self.logs}")

    def run(self, steps: Mapping[str, list[str]], environment: Mapping[str, str]) -> None:
        """Run one-off commands side by side to their end; ProcessFailed tells what a failed one said."""
        self.logs.mkdir(mode=0o700, exist_ok=True)
        started = {}
        try:
            for name, words in steps.items():
                with (self.logs / f"{name}.log").open("wb") as log:
                    started[name] = self._popen(words, {**environment, "LOG_LEVEL": "ERROR"}, log)
            while any(process.poll() is None for process in started.values()):
                self.check()
                time.sleep(0.05)
        finally:
            for process in started.values():
                _kill_group(process)
                process.wait()
        for name, process in started.items():
            if process.returncode:
                said = (self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-15:]
                raise ProcessFailed("\n".join([f"{name} failed:", *said]))

    def start(self, name: str, words: list[str], environment: Mapping[str, str]) -> None:
        """Start a process that stays: its log goes to a file, its problems to the terminal."""
        own = {"LOG_FILE": str(self.logs / f"{name}.log"), "LOG_LEVEL": "ERROR"}
        process = self._popen(words, {**environment, **own}, subprocess.PIPE)
        self.processes[name] = process
        threading.Thread(target=_repeat, args=(name, process.stdout), daemon=True).start()

    def _popen(self, words: list[str], environment: Mapping[str, str], out: IO[bytes] | int) -> Process:
        return subprocess.Popen(
            here(words),
            cwd=self.cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is for us alone, so that we stop them in order
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )

    def stop(self) -> None:
        """Stop all processes; whoever does not end in time is killed, with its children."""
        for name, _ in self.STOP_ORDER:
            process = self.processes.get(name)
            if process and process.poll() is None:
                # The main process only: it knows how to end its children.
                process.terminate()
        for name, seconds in self.STOP_ORDER:
            if process := self.processes.get(name):
                try:
                    process.wait(seconds)
                except subprocess.TimeoutExpired:
                    say(f"{name} did not stop within {seconds} s and is killed.")
                _kill_group(process)
                process.wait()
        self.processes.clear()


def _kill_group(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _repeat(name: str, lines: IO[bytes]) -> None:
    for line in lines:
        text = line.decode(errors="replace").rstrip()
        if text and "Warm shutdown" not in text:  # Celery says so past every log, and it is no problem
            say(f"{name:>6} | {text}")

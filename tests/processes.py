"""What the kernel says of processes: who runs below whom, and who is gone. Linux."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path


def family(pid: int) -> set[int]:
    """Return the process and all below it, as the kernel counts them."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            found, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        parents[int(found.split()[0])] = int(rest.split()[1])
    members = {pid}
    while more := {child for child, parent in parents.items() if parent in members} - members:
        members |= more
    return members


def children_of(pid: int) -> set[int]:
    """Return the processes below this one."""
    return family(pid) - {pid}


def marked(mark: str) -> set[int]:
    """Return who was started with `mark` in the environment, whoever the parent is by now."""
    found = set()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environ.read_bytes().split(b"\0"):
                found.add(int(environ.parent.name))
        except OSError:
            continue
    return found


def kill_9(pids: Iterable[int]) -> None:
    """Kill them all; who ended meanwhile, as a child does whose parent was killed first, is as dead."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_until_gone(pids: Iterable[int], *, seconds: float) -> set[int]:
    """Return those still alive when the time is over."""
    end = time.monotonic() + seconds
    left = {pid for pid in pids if is_alive(pid)}
    while left and time.monotonic() < end:
        time.sleep(0.05)
        left = {pid for pid in left if is_alive(pid)}
    return left


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def called(pid: int) -> str:
    """What the process calls itself: a PostgreSQL backend says whom it serves and what it waits for."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return f"{pid}, gone"

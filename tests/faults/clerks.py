"""A site's coordinators at their forms: processes that save visits until they are done or cannot."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

Save = tuple[str, int]  # patient code, study day


class Clerks:
    """Processes that share the saves; each has threads, each thread a connection, as a web server has."""

    def __init__(
        self,
        *,
        username: str,
        saves: Sequence[Save],
        processes: int = 2,
        threads: int = 3,
        **elsewhere: str,
    ) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="registry-test-", dir="/tmp")
        self._processes = []
        for number in range(processes):
            lines = "".join(f"{code} {study_day}\n" for code, study_day in saves[number::processes])
            with self._file(number, "out").open("wb") as out, self._file(number, "err").open("wb") as err:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.faults.saving", username, str(threads)],
                    env={**os.environ, **elsewhere, "DJANGO_SETTINGS_MODULE": "config.settings"},
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=err,
                )
            process.stdin.write(lines.encode())
            process.stdin.close()
            self._processes.append(process)

    def acknowledged(self) -> list[Save]:
        """What somebody was told is saved, up to now."""
        told = "".join(self._file(number, "out").read_text() for number in range(len(self._processes)))
        return [(code, int(day)) for code, day in map(str.split, told.splitlines())]

    def wait(self, *, seconds: float = 300) -> str:
        """Wait until all have ended, and return what they complained about."""
        complaints = ""
        for number, process in enumerate(self._processes):
            assert process.wait(seconds) == 0, self._file(number, "err").read_text()
            complaints += self._file(number, "err").read_text()
        return complaints

    def _file(self, number: int, kind: str) -> Path:
        return Path(self._place.name, f"{number}.{kind}")

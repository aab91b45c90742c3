"""Peers that keep their jobs in files: dirq, huey's file storage, kombu's file transport."""

import logging
import os
from typing import Any

from bench.peer import PAYLOAD, Peer


class Dirq(Peer):
    """A directory queue; grid computing's, twenty years old."""

    name = "dirq"
    needs = ("dirq",)
    lacks = "sync, result, heartbeat, retry; a dead worker's job stays locked until somebody purges"

    def make(self) -> None:
        self.open()

    def open(self) -> None:
        from dirq.QueueSimple import QueueSimple

        self._queue: Any = QueueSimple(str(self.root / "queue"))

    def submit(self, count: int) -> None:
        for number in range(count):
            self._queue.add(f"{number} {PAYLOAD}")

    def work(self) -> list[str]:
        done = []
        name = self._queue.first()
        while name:
            if self._queue.lock(name):
                done.append(self._queue.get(name).split(b" ", 1)[0].decode())
                self._queue.remove(name)
            name = self._queue.next()
        return done


class Huey(Peer):
    """huey, as its consumer drives it: dequeue, then execute, which stores the result."""

    needs = ("huey",)

    def _queue(self) -> Any:
        raise NotImplementedError

    def make(self) -> None:
        self.open()

    def open(self) -> None:
        logging.getLogger("huey").setLevel(logging.ERROR)
        self._huey = self._queue()

        def nothing(job: str, payload: str) -> str:
            del job
            return payload

        nothing.__module__ = "bench"  # the same task in every process, whatever module runs as main
        self._task = self._huey.task(name="nothing")(nothing)

    def submit(self, count: int) -> None:
        for number in range(count):
            self._task(str(number), PAYLOAD)

    def work(self) -> list[str]:
        done = []
        while (task := self._huey.dequeue()) is not None:
            self._huey.execute(task)
            done.append(task.args[0])
        return done


class HueyFiles(Huey):
    """huey on files."""

    name = "huey on files"
    lacks = "sync, lease, heartbeat; deleted when taken: a dead worker's job is lost"

    def _queue(self) -> Any:
        from huey import FileHuey

        return FileHuey("bench", path=str(self.root / "huey"))


class Kombu(Peer):
    """kombu's file transport, which celery uses on files."""

    name = "kombu on files"
    needs = ("kombu",)
    lacks = "sync, result, lease, heartbeat, retry; deleted when taken: a dead worker's job is lost"

    def make(self) -> None:
        for part in ("queue", "control"):
            (self.root / part).mkdir()
        self.open()

    def open(self) -> None:
        import kombu

        os.environ["TMPDIR"] = str(
            self.root
        )  # it moves messages there, which must be this file system
        folder = str(self.root / "queue")
        options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": str(self.root / "control")}  # fmt: skip
        self._queue: Any = kombu.Connection("filesystem://", transport_options=options).SimpleQueue(
            "jobs"
        )

    def submit(self, count: int) -> None:
        for number in range(count):
            self._queue.put({"job": str(number), "payload": PAYLOAD})

    def work(self) -> list[str]:
        done = []
        while True:
            try:
                message = self._queue.get(block=False)
            except self._queue.Empty:
                return done
            message.ack()
            done.append(message.payload["job"])

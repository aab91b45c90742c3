"""The way of each request to the server and back: how long it takes, and what becomes of it.

An NFS client waits for ever for a share that it does not reach (a hard mount); an SMB client and Windows give up after about 36 s, and
what they asked for may still be done later.
"""

from collections.abc import Callable
from random import Random

from tests.hostile.client import Client, Server
from tests.hostile.fates import DIES, Fate, Request, faults_of
from tests.hostile.mounts import Mount
from tests.sim.machines import Process
from tests.sim.plan import LATE_S, Plan
from tests.sim.time import Time

GIVES_UP_S = 36.0
_TAKES_SPACE = frozenset({"create", "sync", "link", "mkdir"})


class Network:
    """What lies between all clients and the one server."""

    def __init__(
        self, plan: Plan, time: Time, server: Server, note: Callable[[str, Request, Fate], None]
    ) -> None:
        self._weather, self._time, self._server, self._note = plan.weather, time, server, note
        self.healed = False
        self.stalled_until = 0.0
        self.full_until = 0.0
        self.blind_until = 0.0
        self.requests = 0
        self.faults = 0
        self.late = 0

    def client(self, process: Process, mount: Mount, *, waits: bool) -> Client:
        """A client for one process; ``waits``: it never gives up."""

        def decide(request: Request) -> Fate:
            return self._decide(process, request, waits=waits)

        def observed(what: object) -> None:
            if isinstance(what, Request):
                self._reply(process)

        client = Client(self._server, mount, decide)
        client.observed = observed
        process.native = client
        return client

    def _decide(self, process: Process, request: Request, *, waits: bool) -> Fate:
        task = self._time.current
        if task is None:
            return Fate.DONE
        self.requests += 1
        task.pending = request
        fate = self._travel(process, request, waits=waits)
        task.pending = None
        self._note(task.name, request, fate)
        if fate is not Fate.DONE:
            self.faults += 1
            if fate in (Fate.LATER, Fate.CRASH_LATER):
                self._land_later(request, process.fortune)
        return fate

    def _travel(self, process: Process, request: Request, *, waits: bool) -> Fate:
        """How the request fares on its way to the server."""
        draw, time = process.fortune, self._time
        killed = None
        nobody_else_s = request.is_private or request.kind == "close"
        if not nobody_else_s or draw.random() < 0.2:  # else no order matters: spare the switch
            killed = self._wait(self._latency_s(draw))
        began = time.now
        while killed is None and time.now < (
            blocked := max(process.machine.cut_until, self.stalled_until)
        ):
            if not waits and blocked > began + GIVES_UP_S:
                killed = self._wait(began + GIVES_UP_S - time.now)
                return killed or self._given_up(request, draw)
            killed = self._wait(blocked - time.now)
        return killed or self._fate(request, draw)

    def _wait(self, seconds: float) -> Fate | None:
        """Sleep; the fate of the request if the process dies meanwhile."""
        until = self._time.now + seconds
        while self._time.now < until:
            told = self._time.pause(until)
            if told is not None:
                assert told in DIES
                return told  # type: ignore[no-any-return]
        return None

    def _latency_s(self, draw: Random) -> float:
        if not self.healed and draw.random() < self._weather.slow:
            return draw.expovariate(1.0 / self._weather.slow_s)
        return draw.expovariate(1.0 / self._weather.median_s)

    def _given_up(self, request: Request, draw: Random) -> Fate:
        possible = [f for f in faults_of(request) if f in (Fate.REFUSED, Fate.LATER)]
        return draw.choice(possible) if possible else Fate.DONE

    def _fate(self, request: Request, draw: Random) -> Fate:
        if self.healed:
            return Fate.DONE
        now = self._time.now
        if now < self.full_until and request.kind in _TAKES_SPACE and draw.random() < 0.7:
            return Fate.FULL
        if now < self.blind_until and request.kind == "names" and draw.random() < 0.5:
            return Fate.BLIND
        if self._weather.fault and draw.random() < self._weather.fault:
            possible = [fate for fate in faults_of(request) if fate not in DIES]
            if possible:
                # What is done later is what nobody expects, so it is drawn most often.
                often = [f for f in possible if f in (Fate.LATER, Fate.LOST_REPLY)]
                return draw.choice([*possible, *often])
        return Fate.DONE

    def _reply(self, process: Process) -> None:
        """On its way back an answer may meet a frozen process, or wait for a cut to end."""
        if self._time.current is None or process.fortune.random() > 0.1:
            return
        until = self._time.now + self._latency_s(process.fortune)
        if not self.healed and process.fortune.random() < 0.2:
            until = max(until, process.machine.cut_until)
        while self._time.now < until:
            self._time.pause(until)

    def _land_later(self, request: Request, draw: Random) -> None:
        """What nobody waits for any more: done in a while, in the end also after all has healed."""
        self.late += 1
        delay_s = min(draw.expovariate(1.0 / draw.choice((1.0, 15.0, 90.0))), LATE_S)

        def land() -> None:
            for late in self._server.late:
                if late.request is request:
                    self._note("late", request, Fate.DONE)
                    self._server.carry_out(late)
                    return

        self._time.at(self._time.now + delay_s, land)

"""Any bytes in the place of what the spool's own programs wrote: the loops go on, and every other job ends.

Left out: ``spool.yaml``, without which nobody begins, and a ledger's index (``test_known_faults.py``).
"""

import functools

from hypothesis import example, given
from hypothesis import strategies as st

from spoolctl.spool import (
    Claim,
    Code,
    Node,
    asked_of_worker,
    cancel,
    encode,
    layout,
    nodes,
    release,
)
from spoolctl.spool.control import ask
from spoolctl.spool.errors import SpoolError
from spoolctl.spool.records import NODE_SCHEMA, PROTOCOL_VERSION
from tests.fuzz.documents import anything, changed, damaged, written
from tests.fuzz.loops import go_on
from tests.fuzz.seeds import mapping_of, of_kind
from tests.fuzz.steady import assert_told_well, steady
from tests.spool.spool_world import Worker, World

GOOD = ("good-1", "good-2")
DAY = "2026-03-27"
_A1 = "results/singles/victim/a1"


def _card(worker: Worker) -> Node:
    return Node(
        schema_=NODE_SCHEMA, worker="w1", session=worker.actor.session, machine="host-a", protocol=PROTOCOL_VERSION,
        version="1", backend="test", started_at=worker.actor.utc_now(),
    )  # fmt: skip


@functools.cache
def _victims() -> dict[str, World]:
    """A job in every phase of its life, with everything around it that is published; made once and copied."""
    found = {}
    for phase in (
        "queued",
        "open",
        "asked to stop",
        "waits to retry",
        "failed",
        "cancelled",
        "finished",
        "done",
    ):
        world = found[phase] = World()
        worker = world.worker()
        world.share.put("nodes/w1.node.yaml", encode(_card(worker)))
        ask(world.person(), "w1", "pause")
        world.drop("victim")
        if phase == "cancelled":
            cancel(world.person(), "victim")
        elif phase != "queued":
            claimed = worker.claim()
            assert isinstance(claimed, Claim)
            if phase == "asked to stop":
                cancel(world.person(), "victim")
            elif phase in ("waits to retry", "failed"):
                worker.run(
                    claimed, fail=Code.INTERNAL if phase == "waits to retry" else Code.BAD_JOB
                )
            elif phase in ("finished", "done"):
                worker.run(claimed)
        if phase == "done":
            world.controller().scan()
    return found


def _published(world: World) -> list[str]:
    """What there is to spoil, and what could be there."""
    there = [
        path
        for path, data in world.share.tree().items()
        if data is not None and path != layout.SETTINGS
    ]
    may_be = [
        f"{_A1}/{name}"
        for name in (layout.MANIFEST, layout.HEARTBEAT, layout.CANCEL, layout.CLOSED)
    ]
    may_be += ["results/singles/victim/record.yaml", "results/singles/victim/pruned.yaml", "control/w1.drain.yaml",
               "corpus/parts/singles/victim.jsonl", "history/parts/singles/victim~1.jsonl", "nodes/w9.heartbeat.json",
               "nodes/w9.node.yaml", "nodes/host-a.doctor.yaml",
               "nodes/controller-x.heartbeat.json", "rejected/x.yaml.reason.yaml"]  # fmt: skip
    return sorted({path for path in [*there, *may_be] if "/index-" not in path})


_KIND_BY_NAME = {
    layout.MANIFEST: "spool.manifest/1", layout.HEARTBEAT: "spool.heartbeat/1", layout.CANCEL: "spool.request/1",
    layout.PRUNED: "spool.pruned/1", layout.RECORD: "spool.job/1", "drain.yaml": "spool.request/1",
    "pause.yaml": "spool.request/1", layout.NODE_CARD: "spool.node/1", "reason.yaml": "spool.reason/1",
}  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, dict[str, bytes]]:
    """The victim's phase, and what lies where: bytes of any kind, and often the very record with a value changed."""
    phase = draw(st.sampled_from(sorted(_victims())))
    tree = _victims()[phase].share.tree()
    found = {}
    for path in draw(
        st.lists(st.sampled_from(_published(_victims()[phase])), min_size=1, max_size=3)
    ):
        whole = tree.get(path)
        kind = next((kind for end, kind in _KIND_BY_NAME.items() if path.endswith(end)), None)
        seed = whole if whole is not None else of_kind(kind) if kind else b"x"
        ways = [anything(), damaged(st.just(seed))]
        if kind is not None:
            ways = [changed(st.just(seed)), changed(st.just(seed)), *ways]
        found[path] = draw(st.one_of(*ways))
    return phase, found


def with_(phase: str, path: str, **changes: object) -> tuple[str, dict[str, bytes]]:
    """One record of the victim's with other values."""
    whole = _victims()[phase].share.tree()[path]
    assert whole is not None
    return phase, {path: written(mapping_of(whole) | changes, "json")}


@given(spoilt())
@example(with_("finished", f"{_A1}/manifest.yaml", name="../../x"))
@example(with_("finished", f"{_A1}/manifest.yaml", ended_at="0001-01-01T00:00:00+14:00"))
@example(with_("finished", f"{_A1}/manifest.yaml", attempt=10**299))
@example(with_("waits to retry", f"{_A1}/manifest.yaml", counts={"failures": 10**299}))
@example(with_("open", f"{_A1}/heartbeat.json", pid=10**299))
@example(("queued", {"results/singles/victim/record.yaml": b"\xff"}))
@steady(100, shrinks=False)
def test_no_spoilt_decision_stops_a_loop_or_another_job(
    spoiling: tuple[str, dict[str, bytes]],
) -> None:
    phase, files = spoiling
    world = _victims()[phase].copy()
    for path, data in files.items():
        world.share.put(path, data)
    world.drop(GOOD[0])
    worker, scanner = world.worker("w2"), world.controller()
    world.drop(GOOD[1])

    go_on(world, worker, scanner)
    _people_ask(world)
    go_on(world, worker, scanner)

    for name in GOOD:
        assert world.state(name) == f"done/{DAY}", (
            name,
            [e for e in world.log if "trouble" in e[1]],
        )
        world._check_job(name, world.share.tree())
    assert not [run for run in world.runs if run.name == "victim"][1:] or phase not in (
        "finished",
        "done",
    )


def _people_ask(world: World) -> None:
    """What a person and a worker do beside the loops ends with an answer or with a declared error."""
    person, worker = world.person(), world.actor("w1")
    for call in (
        lambda: nodes(person),
        lambda: asked_of_worker(worker),
        lambda: ask(person, "w1", "drain"),
        lambda: cancel(person, "victim"),
        lambda: release(person, "victim"),
    ):
        try:
            call()
        except SpoolError as error:
            assert_told_well(error)

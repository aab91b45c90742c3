"""Workers, jobs and times, as the tests of choosing need them."""

from datetime import UTC, datetime

from spoolctl.scheduling.need import Need
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.scheduling.simulate.farm import Exactly
from spoolctl.scheduling.work import work_of
from spoolctl.spool import NODE_SCHEMA, Choosing, ModelHere, Node, parse_job

NOTHING_KNOWN = Need(0.0, "nothing known")


class Times:
    """What is expected: a job runs as long as its worker's factor says, a model loads in 20 s."""

    def __init__(self, factors=None, *, run_s=10.0, load_s=20.0, failing=(), need=NOTHING_KNOWN):
        self.factors, self.base_s, self.loading_s = factors or {}, run_s, load_s
        self.need = need
        self.failing = set(failing)

    def run_s(self, work, node):
        images = sum(piece.images for piece in work.pieces)
        return Exactly(self.base_s * images * self.factors.get(node.worker, 1.0))

    def load_s(self, model, node):
        return Exactly(self.loading_s)

    def failure_rate(self, work, node):
        return Exactly(1.0 if node.worker in self.failing else 0.0)

    def vram_gb(self, work, node):
        return self.need


def worker(name="w1", **seen):
    card = {key: seen.pop(key) for key in list(seen) if key in Node.model_fields}
    node = Node(
        schema_=NODE_SCHEMA,
        **{
            "worker": name, "session": f"{name}-s", "machine": name, "protocol": 1, "version": "1", "backend": "webui",
            "stages": ("txt2img",), "vram_gb": 24.0,
            "models": tuple(ModelHere(name=one) for one in "abc"), "started_at": datetime(2026, 1, 1, tzinfo=UTC), **card,
        },
    )  # fmt: skip
    return WorkerSeen(node, **seen)


def job(name, model="a", *, job_class="normal", count=1, needs_gb=0, by=None, group=None, **seen):
    head = f"submitted_by: {by}\n" if by else ""
    head += f"group: {group}\n" if group else ""
    record = parse_job(
        f"schema: spool.job/1\n{head}requires: {{vram_gb: {needs_gb}}}\nworkload:\n  kind: image\n"
        f"  stages: [{{stage: txt2img, prompt: x, model: {model}, count: {count}}}]\n".encode()
    )
    return JobSeen(name, record, job_class, work_of(record), **seen)


def appraiser(times=None, **rules):
    return Appraiser(Choosing.model_validate(rules), times or Times())

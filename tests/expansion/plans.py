"""Plans as tests write them, with files that are in memory."""

import textwrap

from spoolctl.expansion import Expansion, expand, parse_plan

BASE = """\
schema: spool.plan/1
base: {workload: {kind: image, stages: [{stage: txt2img, prompt: a cat, seed: 5}, {stage: upscale}]}}
"""


def made(text, files=(), *, name="plan") -> Expansion:
    """The expansion of a plan; *files* are texts or bytes by path."""
    known = {k: v if isinstance(v, bytes) else v.encode() for k, v in dict(files).items()}

    def read(path):
        if path not in known:
            raise FileNotFoundError(path)
        return known[path]

    return expand(parse_plan(textwrap.dedent(text)), read, name=name)


def on_base(text, files=()) -> Expansion:
    return made(BASE + textwrap.dedent(text), files)


def stages(expanded):
    return expanded.job.workload.stages


def prompts(expansion):
    return [stages(one)[0].prompt for one in expansion.jobs()]


def varies(expansion, *names):
    return [tuple(one.varies.get(name) for name in names) for one in expansion.jobs()]

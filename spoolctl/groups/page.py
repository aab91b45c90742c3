"""A group's page on the share, ``groups/<group>/index.html``: what came out, with its parameters, for any browser and without a server.

Pure. Guarantees: one file of HTML and CSS, no script, nothing from the internet; all that jobs and people said is escaped; it shows in
light and dark, on a phone, and reads in order without its style. Its links are relative, so that it works wherever the share is mounted.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from urllib.parse import quote

from spoolctl.groups.thumbs import FOLDER, thumb_name
from spoolctl.index import Image
from spoolctl.spool import GroupResult

_TO_ROOT = "../../"
"""From ``groups/<group>/`` to the spool."""
FACTS: Mapping[str, Callable[[Image], object]] = {
    "prompt": lambda one: one.prompt,
    "negative prompt": lambda one: one.negative_prompt,
    "model": lambda one: one.model,
    "sampler": lambda one: one.sampler,
    "scheduler": lambda one: one.scheduler,
    "steps": lambda one: one.steps,
    "CFG scale": lambda one: one.cfg_scale,
    "size": lambda one: f"{one.width} x {one.height}" if one.width and one.height else None,
    "seed": lambda one: one.seed,
    "tried": lambda one: None if one.variable is None else f"{one.variable} = {one.value}",
    "worker": lambda one: one.worker,
}
"""What is told of an image, in this order."""
_STYLE = """
:root { color-scheme: light dark; --ground: #fafafa; --card: #fff; --ink: #18181b; --faint: #52525b; --line: #d4d4d8; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #18181b; --card: #27272a; --ink: #f4f4f5; --faint: #a1a1aa; --line: #3f3f46; --bad: #fca5a5; }
}
body { margin: 0 auto; max-width: 110rem; padding: 1rem; background: var(--ground); color: var(--ink); }
body { font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
p, dl { margin: .25rem 0; color: var(--faint); }
dt { float: left; clear: left; margin-right: .4rem; }
dt::after { content: ":"; }
dd { margin: 0; color: var(--ink); overflow-wrap: anywhere; }
a { color: inherit; }
.images { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); padding: 0; list-style: none; }
figure { margin: 0; padding: .5rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
figure { height: 100%; box-sizing: border-box; overflow-wrap: anywhere; }
img { width: 100%; height: 14rem; object-fit: contain; display: block; }
figcaption { font-size: .8rem; margin-top: .35rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
th, td { vertical-align: top; overflow-wrap: anywhere; }
.failed { color: var(--bad); }
"""


def page_of(result: GroupResult, images: Sequence[Image], sheets: Sequence[str]) -> str:
    """The page.

    Args:
        result: What became of the group.
        images: Its images, in the order in which they are to be shown.
        sheets: The files of its contact sheets, beside the page.
    """
    common, differing = _common(images)
    title = escape(result.group)
    parts = [
        "<!doctype html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">', f"<title>{title}</title>",
        f"<style>{_STYLE}</style>", "</head>", "<body>", f"<h1>{title}</h1>", f"<p>{escape(_told(result))}</p>",
        _sheets(sheets), _facts(common), "<h2>Images</h2>" if images else "",
        '<ul class="images">', *(_figure(one, differing) for one in images), "</ul>", _lost(result), "</body>", "</html>",
    ]  # fmt: skip
    return "\n".join(part for part in parts if part) + "\n"


def differing_of(images: Sequence[Image]) -> list[str]:
    """Which of ``FACTS`` differ among *images*."""
    return _common(images)[1]


def told_of(image: Image, facts: Sequence[str]) -> str:
    """These facts of one image on one line."""
    said = [(name, FACTS[name](image)) for name in facts]
    return ", ".join(
        f"{name} {value}" if name != "tried" else str(value)
        for name, value in said
        if value not in (None, "")
    )


def _common(images: Sequence[Image]) -> tuple[dict[str, str], list[str]]:
    common, differing = {}, []
    for name, fact in FACTS.items():
        values = {fact(one) for one in images}
        if len(values) == 1 and (value := values.pop()) not in (None, ""):
            common[name] = str(value)
        elif len(values) > 1:
            differing.append(name)
    return common, differing


def _told(result: GroupResult) -> str:
    told = [f"{count} {state}" for state, count in result.counts.items()]
    told.append(f"{result.images} images")
    if result.wall_s is not None:
        told.append(f"{_duration(result.wall_s)} from first start to last end")
    told.append(f"{_duration(result.gpu_s)} of cards' time")
    return ", ".join(told)


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return (
        f"{hours} h {minutes:02d} min"
        if hours
        else f"{minutes} min {left:02d} s"
        if minutes
        else f"{left} s"
    )


def _sheets(sheets: Sequence[str]) -> str:
    links = (f'<a href="{quote(one)}">{escape(one)}</a>' for one in sheets)
    return f"<p>Contact sheets: {', '.join(links)}</p>" if sheets else ""


def _facts(facts: Mapping[str, str]) -> str:
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<h2>In all of them</h2>\n<dl>{''.join(rows)}</dl>" if facts else ""


def _figure(one: Image, differing: Sequence[str]) -> str:
    name = f"{one.job}, image {one.image_index}"
    told = escape(told_of(one, differing))
    thumb = f"{FOLDER}/{quote(thumb_name(one.job, one.image_index))}"
    picture = f'<img loading="lazy" src="{thumb}" alt="{escape(name)}">'
    link = f'<a href="{_TO_ROOT}{quote(one.path)}">{picture}</a>' if one.path else picture
    return f"<li><figure>{link}<figcaption><p>{escape(name)}</p>{told}</figcaption></figure></li>"


def _lost(result: GroupResult) -> str:
    rows = [
        f'<tr><td>{escape(one.name)}</td><td class="failed">{escape(one.state)}</td><td>{escape(str(one.code or ""))}</td>'
        f"<td>{escape(one.message or '')}</td></tr>"
        for one in result.jobs
        if one.state != "succeeded"
    ]
    head = "<tr><th>Job</th><th>State</th><th>Code</th><th>Why</th></tr>"
    return f"<h2>Without images</h2>\n<table>{head}{''.join(rows)}</table>" if rows else ""

"""A picture of a simulation: one row for each worker, time to the right, a colour for each model, loading in black.

Pure: SVG text, which any browser shows. Hovering over a job tells its name.
"""

import colorsys
from xml.sax.saxutils import escape, quoteattr

from spoolctl.scheduling.simulate.farm import Farm
from spoolctl.scheduling.simulate.world import Run, Told

WIDTH, ROW, LEFT, TOP, RIGHT = 1_200, 34, 110, 40, 30
_TICKS = 8


def picture(farm: Farm, told: Told, title: str) -> str:
    """The SVG document."""
    end_s = max((run.ended_s for run in told.runs), default=1.0)
    names = [worker.name for worker in farm.workers]
    colours = _colours(sorted({run.job.work.model or "no model" for run in told.runs}))
    height = TOP + ROW * len(names) + 40 + 18 * (1 + len(colours) // 6)
    scale = (WIDTH - LEFT - RIGHT) / end_s
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="22" font-size="15">{escape(title)}</text>',
    ]
    for row, name in enumerate(names):
        y = TOP + ROW * row
        parts.append(f'<text x="10" y="{y + 20}">{escape(name)}</text>')
        parts.append(
            f'<rect x="{LEFT}" y="{y + 4}" width="{WIDTH - LEFT - RIGHT}" height="{ROW - 8}" fill="#eee"/>'
        )
        parts += [_bar(run, y + 4, scale, colours) for run in told.runs if run.worker == name]
    parts += _axis(end_s, scale, TOP + ROW * len(names))
    parts += _legend(colours, TOP + ROW * len(names) + 40)
    return "\n".join([*parts, "</svg>", ""])


def _bar(run: Run, y: int, scale: float, colours: dict[str, str]) -> str:
    x, load = LEFT + run.began_s * scale, run.load_s * scale
    width = (run.ended_s - run.began_s) * scale
    stroke = ' stroke="#d00" stroke-width="1"' if run.job.job_class == "interactive" else ""
    told = quoteattr(
        f"{run.job.name} ({run.job.job_class}, {run.job.work.model}): {run.ended_s - run.began_s:.0f} s"
    )
    return (
        f"<g aria-label={told}><title>{escape(told[1:-1])}</title>"
        f'<rect x="{x:.2f}" y="{y}" width="{load:.2f}" height="{ROW - 8}" fill="#000"/>'
        f'<rect x="{x + load:.2f}" y="{y}" width="{max(0.3, width - load):.2f}" height="{ROW - 8}" '
        f'fill="{colours[run.job.work.model or "no model"]}"{stroke}/></g>'
    )


def _axis(end_s: float, scale: float, y: int) -> list[str]:
    marks = [end_s * tick / _TICKS for tick in range(_TICKS + 1)]
    return [
        f'<text x="{LEFT + at * scale:.0f}" y="{y + 16}" text-anchor="middle" fill="#555">'
        f"{int(at // 3600)}:{int(at % 3600 // 60):02d}</text>"
        for at in marks
    ]


def _legend(colours: dict[str, str], y: int) -> list[str]:
    parts = []
    for index, (model, colour) in enumerate(colours.items()):
        x, row = LEFT + index % 6 * 180, y + index // 6 * 18
        parts.append(f'<rect x="{x}" y="{row - 10}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="{row}">{escape(model[:24])}</text>')
    return parts


def _colours(models: list[str]) -> dict[str, str]:
    """A colour for each model, as far from each other as they go; as digits, for not every program that shows SVG knows hsl()."""
    colours = {}
    for index, model in enumerate(models):
        lightness = (0.55, 0.75)[index % 2]
        parts = colorsys.hls_to_rgb(index / len(models), lightness, 0.65)
        red, green, blue = (round(255 * part) for part in parts)
        colours[model] = f"#{red:02x}{green:02x}{blue:02x}"
    return colours

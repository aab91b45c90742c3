"""``python -m tests.explore``: explore scenes up to stated bounds, or play one schedule again."""

import argparse
import sys

from tests.explore.choices import decode
from tests.explore.engine import Bounds, Failed, Result, explore, replay
from tests.explore.scenes import SCENES
from tests.explore.worlds import MOUNTS, Setting


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.explore", description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="all, if none is named")
    parser.add_argument("--mounts", choices=[*MOUNTS, "all"], default="mixed")
    parser.add_argument("--preemptions", type=int, default=2)
    parser.add_argument("--faults", type=int, default=0)
    parser.add_argument("--schedules", type=int, default=1_000_000, help="a scene's bound")
    parser.add_argument(
        "--seed", type=int, help="draw the order; for a search that will be cut short"
    )
    parser.add_argument(
        "--replay", metavar="SCHEDULE", help="of one scene under one kind of mounts"
    )
    parser.add_argument("--list", action="store_true", help="only name the scenes")
    asked = parser.parse_args()
    unknown = [name for name in asked.scenes if name not in SCENES]
    if unknown:
        parser.error(f"no scene '{unknown[0]}'; --list names them")
    if asked.list:
        print("\n".join(SCENES))
        return 0
    if asked.replay is not None:
        [name] = asked.scenes
        return play_again(Setting(name, SCENES[name], asked.mounts), asked.replay)
    bounds = Bounds(asked.preemptions, asked.faults, asked.schedules, asked.seed)
    kinds = list(MOUNTS) if asked.mounts == "all" else [asked.mounts]
    settings = [
        Setting(name, SCENES[name], kind) for kind in kinds for name in asked.scenes or SCENES
    ]
    return explore_all(settings, bounds)


def explore_all(settings: list[Setting], bounds: Bounds) -> int:
    found: dict[str, list[Result | Failed]] = {}
    for setting in settings:
        label = f"{setting.name} on {setting.mounts}"
        came: Result | Failed
        try:
            came = explore(setting, bounds)
            print(f"{label}: {came}", flush=True)
        except Failed as error:
            came = error
            print(f"{label}: FAILED at schedule {error.schedules}\n{error}", flush=True)
            print(f"again: {again(setting, error)}", flush=True)
        found.setdefault(setting.mounts, []).append(came)
    print(f"\n{bounds}, at most {bounds.schedules_max} schedules of each scene\n")
    print(table(found))
    return int(any(isinstance(came, Failed) for all_of in found.values() for came in all_of))


def table(found: dict[str, list[Result | Failed]]) -> str:
    """What was explored, by mounts. A scene is *whole* if every schedule within the bounds was run."""
    rows = [
        "| mounts | scenes | whole | cut short | failed | schedules | states | ends | CPU s |",
        "|---|" + "---|" * 8,
    ]
    everything = [came for all_of in found.values() for came in all_of]
    for mounts, all_of in [*found.items(), ("all", everything)]:
        results = [came for came in all_of if isinstance(came, Result)]
        whole = sum(result.is_whole for result in results)
        sums = [sum(getattr(r, name) for r in results) for name in ("schedules", "states", "ends")]
        numbers = [len(all_of), whole, len(results) - whole, len(all_of) - len(results), *sums]
        seconds = sum(result.seconds for result in results)
        rows.append(f"| {mounts} | {' | '.join(f'{n:,}' for n in numbers)} | {seconds:.0f} |")
    return "\n".join(rows)


def again(setting: Setting, error: Failed) -> str:
    """The command that plays a failed schedule again."""
    return f'python -m tests.explore {setting.name} --mounts {setting.mounts} --replay "{error.schedule}"'


def play_again(setting: Setting, schedule: str) -> int:
    try:
        story = replay(setting, decode(schedule))
    except Failed as error:
        print(error)
        return 1
    print("\n".join(story))
    return 0


sys.exit(main())

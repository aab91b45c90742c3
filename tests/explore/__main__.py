"""``python -m tests.explore``: explore scenes up to stated bounds, or play one schedule again."""

import argparse
import sys

from tests.explore.choices import decode
from tests.explore.engine import Bounds, Failed, explore, replay
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
    bounds = Bounds(asked.preemptions, asked.faults, asked.schedules)
    kinds = list(MOUNTS) if asked.mounts == "all" else [asked.mounts]
    settings = [
        Setting(name, SCENES[name], kind) for kind in kinds for name in asked.scenes or SCENES
    ]
    return explore_all(settings, bounds)


def explore_all(settings: list[Setting], bounds: Bounds) -> int:
    failed = schedules = states = capped = 0
    for setting in settings:
        label = f"{setting.name} on {setting.mounts}"
        try:
            result = explore(setting, bounds)
        except Failed as error:
            failed += 1
            print(f"{label}: FAILED\n{error}", flush=True)
            print(f"again: {again(setting, error)}", flush=True)
            continue
        schedules, states, capped = (
            schedules + result.schedules,
            states + result.states,
            capped + (not result.is_whole),
        )
        print(f"{label}: {result}", flush=True)
    print(
        f"{len(settings)} scenes, {bounds}: {schedules} schedules, {states} states, "
        f"{capped} scenes cut short, {failed} failed"
    )
    return 1 if failed else 0


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

"""``python -m tests.fuzz``: the same properties, driven by a coverage-guided engine for as long as one likes.

Atheris (libFuzzer for Python) changes bytes so that they reach lines not reached before; Hypothesis turns the bytes into the property's
input (``fuzz_one_input``). Inputs that reached something new are kept in a folder outside the repository and used again.

Guarantees: an input that breaks a property is kept as a file, told as what it means to the property, and told how to try again.
Does not guarantee that two runs are the same; tests of a fault that was found are.
"""

import argparse
import random
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

TARGETS = {
    "text": "test_fuzz_readers:test_any_bytes_are_a_mapping_of_bounded_size_or_are_refused",
    "records": "test_fuzz_readers:test_any_document_read_as_any_record_is_that_record_or_is_refused",
    "round-trip": "test_fuzz_readers:test_what_was_read_is_written_and_read_again_the_same",
    "jobs": "test_fuzz_readers:test_any_job_file_is_a_job_whose_stages_can_be_told_or_is_refused",
    "names": "test_fuzz_names:test_any_file_name_is_ignored_or_is_one_jobs_whatever_label_it_bears",
    "folding": "test_fuzz_names:test_whatever_a_name_folds_to_lies_inside_the_spool_on_every_system",
    "config": "test_fuzz_worker_files:test_any_configuration_is_complete_or_refused",
    "pictures": "test_fuzz_worker_files:test_any_file_that_a_backend_leaves_is_a_whole_image_or_fails_with_a_code",
    "infotext": "test_fuzz_worker_files:test_any_infotext_is_read_as_webui_reads_it",
    "sync": "test_fuzz_corpus:test_any_two_files_are_synced_with_nothing_changed_and_nothing_twice",
    "parts": "test_fuzz_corpus:test_any_parts_are_compiled_to_whole_lines_of_objects_each_once",
    "learning": "test_fuzz_corpus:test_any_job_that_was_committed_gives_lines_that_stablenew_reads",
    "spool": "test_fuzz_spool:test_files_of_strangers_anywhere_harm_no_job_and_are_not_lost",
    "decisions": "test_fuzz_decisions:test_no_spoilt_decision_stops_a_loop_or_another_job",
    "farms": "test_fuzz_farms:test_any_description_of_a_farm_is_a_farm_or_is_refused",
    "cli": "test_fuzz_cli:test_every_command_that_only_looks_answers_whatever_lies_there",
}
_INSTRUMENTED = ["spoolctl", "spoolworker", "PIL.PngImagePlugin", "yaml"]
_ONE_INPUT_S = 60
_BYTES_MAX = 8_192
_SEEDS = 64


def main() -> int:
    """Try inputs until the time is over (0) or one breaks the property (not 0)."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: 60)")
    parser.add_argument(
        "--corpus", type=Path, help="where interesting inputs are kept and taken from"
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try this one input and end")
    asked = parser.parse_args()
    if asked.replay is not None:
        _property(asked.target).hypothesis.fuzz_one_input(asked.replay.read_bytes())
        sys.stdout.write(f"'{asked.replay}' breaks nothing\n")
        return 0
    try:
        atheris = import_module("atheris")
    except ImportError:
        sys.stderr.write(
            "error: the engine 'atheris' is not installed\nhint: pip install -e '.[fuzz]'\n"
        )
        return 2
    folder = asked.corpus or Path(tempfile.gettempdir()) / "spool-fuzz" / asked.target
    broken = folder.with_name(f"{folder.name}-broken")
    for one in (folder, broken):
        one.mkdir(parents=True, exist_ok=True)
    _sow(folder)
    with atheris.instrument_imports(include=_INSTRUMENTED):
        try_one = _property(asked.target).hypothesis.fuzz_one_input

    def test_one_input(data: bytes) -> None:
        try:
            try_one(data)
        except Exception:
            kept = broken / "latest"
            kept.write_bytes(data)
            traceback.print_exc()
            sys.stderr.write(
                f"\nagain: python -m tests.fuzz --target {asked.target} --replay {kept}\n"
            )
            raise

    limits = [
        f"-max_total_time={asked.seconds}",
        f"-timeout={_ONE_INPUT_S}",
        f"-max_len={_BYTES_MAX}",
    ]
    kept_by_engine = [
        f"-artifact_prefix={broken}/",
        "-print_final_stats=1",
        "-len_control=0",
        "-reduce_inputs=0",
    ]
    atheris.Setup([sys.argv[0], *limits, *kept_by_engine, str(folder)], test_one_input)
    atheris.Fuzz()
    return 0


def _sow(folder: Path) -> None:
    """Something to begin from: an input must be long enough that Hypothesis finds a whole document in it."""
    drawn = random.Random(1)
    for number in range(_SEEDS):
        seed = folder / f"seed-{number}"
        if not seed.exists():
            seed.write_bytes(drawn.randbytes(32 << number % 8))


def _property(target: str) -> Any:
    module, _, name = TARGETS[target].partition(":")
    return getattr(import_module(f"tests.fuzz.{module}"), name)


if __name__ == "__main__":
    sys.exit(main())

"""File names and job names: one name, one job, on every machine."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spoolctl.spool import layout
from spoolctl.spool.names import (
    NAME_CHARS_MAX,
    FileName,
    fold,
    is_device,
    is_ignored,
    is_legal,
    is_worker_name,
    parse_file_name,
    rank_of_priority,
    shelf,
    slug,
)

FIXED = settings(derandomize=True, deadline=None)
ANY_STEM = st.text(
    alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="/\\\0"), max_size=60
)
ANY_FILE_NAME = st.one_of(
    st.text(max_size=40),  # lone surrogates too: that is how a name that is not UTF-8 arrives
    st.lists(
        st.sampled_from(
            ["a", "B", "+", "~", "~1", "~03", "~٣", "~12", "1", " ", ".", "0+", "é", "\udcff"]
        ),
        max_size=8,
    ).map("".join),
).flatmap(lambda stem: st.sampled_from([".yaml", ".yml", ".JSON"]).map(lambda end: stem + end))
SHOWN = st.text(alphabet="abcXYZ019._-öé ", min_size=1, max_size=30).filter(
    lambda s: s.strip() and not s.startswith((".", "~$", "$"))
)


@FIXED
@given(ANY_STEM)
@example("My Job")
@example("con")
@example("a..b")
@example("x" * 500)
def test_folding_twice_is_folding_once(stem: str) -> None:
    once = fold(stem)

    assert is_legal(once)
    assert fold(once) == once


@FIXED
@given(ANY_STEM)
def test_a_name_is_the_same_job_in_both_unicode_forms(stem: str) -> None:
    assert fold(unicodedata.normalize("NFD", stem)) == fold(unicodedata.normalize("NFC", stem))


@FIXED
@given(st.text(alphabet="abcdefXYZ0189._-", min_size=1, max_size=40))
def test_a_name_is_the_same_job_in_upper_and_lower_case(stem: str) -> None:
    assert fold(stem.upper()) == fold(stem.lower())


@FIXED
@given(st.text(max_size=30))
@example("ΟΔΟΣ")
@example("Straße")
@example("ᾴ")
def test_a_name_is_the_same_job_in_every_case_of_every_script(stem: str) -> None:
    """In lower case ΟΔΟΣ ends in another letter than οδοσ, so one job had two folders."""
    for other in (stem.upper(), stem.lower(), stem.swapcase()):
        if other.casefold() == stem.casefold():
            assert fold(other) == fold(stem)


def test_the_last_letter_of_a_greek_word_does_not_make_two_jobs() -> None:
    assert fold("ΟΔΟΣ") == fold("οδοσ") == fold("οδος")


@pytest.mark.parametrize(
    "text", ["../../x", "..", "/etc/passwd", "a/b", "C:\\x", "\0", "", "\udcff"]
)
def test_no_text_folds_to_a_path(text: str) -> None:
    assert is_legal(fold(text))
    assert layout.results(fold(text)).count("/") == 2


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("portrait-0001", "portrait-0001"),
        ("Portrait-0001", "portrait-0001"),
        ("20261120-220000-123-hero-4f2a.0001", "20261120-220000-123-hero-4f2a.0001"),
        ("_draft", "_draft"),
    ],
)
def test_a_legal_name_keeps_its_letters(stem: str, name: str) -> None:
    assert fold(stem) == name


@pytest.mark.parametrize(
    "stem",
    ["My Job", "my job", "a/b", "con", "com1.x", "x.nul", "a..b", "end.", "-dash", "é", "", "日本"],
)
def test_a_name_that_is_not_legal_gets_a_digest(stem: str) -> None:
    assert not is_legal(stem)
    assert fold(stem) != stem
    assert len(fold(stem).rpartition("-")[2]) == 10


def test_names_that_would_slug_alike_stay_two_jobs() -> None:
    assert fold("My Job") != fold("my-job")
    assert fold("a b") != fold("a  b")
    assert fold("MY JOB") == fold("my job")


def test_a_name_at_the_length_limit_is_legal_and_one_longer_is_folded() -> None:
    at_limit = "a" * NAME_CHARS_MAX

    assert fold(at_limit) == at_limit
    assert len(fold(at_limit + "a")) <= NAME_CHARS_MAX
    assert fold(at_limit + "a") != fold(at_limit + "b")


@pytest.mark.parametrize(
    ("file_name", "name", "rank", "label", "suffix"),
    [
        ("portrait.yaml", "portrait", "", None, ".yaml"),
        ("portrait.yml", "portrait", "", None, ".yml"),
        ("portrait.JSON", "portrait", "", None, ".JSON"),
        ("portrait~3.yaml", "portrait", "", 3, ".yaml"),
        ("0+portrait.yaml", "portrait", "0", None, ".yaml"),
        ("0+portrait~12.yaml", "portrait", "0", 12, ".yaml"),
        ("a+b+portrait.yaml", "portrait", "a+b", None, ".yaml"),
        ("Portrait~1.yaml", "portrait", "", 1, ".yaml"),
        ("a~03.yaml", fold("a~03"), "", None, ".yaml"),
        ("a~٣.yaml", fold("a~٣"), "", None, ".yaml"),
        ("a~1~2.yaml", "a", "", 2, ".yaml"),
        ("+c.yaml", "c", "", None, ".yaml"),
        ("a+.yaml", fold("a+"), "", None, ".yaml"),
        ("a+~1.yaml", fold("a+"), "", 1, ".yaml"),
        ("portrait~x.yaml", fold("portrait~x"), "", None, ".yaml"),
        ("portrait~1234567890.yaml", fold("portrait~1234567890"), "", None, ".yaml"),
        ("hero.0001.yaml", "hero.0001", "", None, ".yaml"),
    ],
)
def test_a_file_name_is_taken_apart(
    file_name: str, name: str, rank: str, label: int | None, suffix: str
) -> None:
    parsed = parse_file_name(file_name)

    assert parsed is not None
    assert (parsed.name, parsed.rank, parsed.label, parsed.suffix) == (name, rank, label, suffix)
    assert str(parsed) == file_name


@pytest.mark.parametrize(
    "file_name", ["portrait.txt", "portrait", "~1.yaml", " .yaml", "x.png", ""]
)
def test_a_file_that_is_no_record_is_not_taken_for_one(file_name: str) -> None:
    assert parse_file_name(file_name) is None


@pytest.mark.parametrize(
    "file_name",
    [
        ".x.tmp", "x.tmp", "x.yaml.part", "x.yaml.crdownload", ".DS_Store", "Thumbs.db", "desktop.ini",
        "~$job.yaml", ".nfs000012", ".~lock.x#", "@eaDir", "job.yaml~", "job.yaml.bak", "$RECYCLE.BIN",
        ".job.yaml", "README.txt", "x.yaml.swp", "x.lock",
    ],
)  # fmt: skip
def test_files_that_are_none_of_ours_are_ignored(file_name: str) -> None:
    assert is_ignored(file_name)
    assert parse_file_name(file_name) is None


@FIXED
@given(
    shown=SHOWN,
    rank=st.sampled_from(["", "0", "00", "50", "a"]),
    label=st.one_of(st.none(), st.integers(1, 999_999_999)),
    suffix=st.sampled_from([".yaml", ".yml", ".json"]),
)
def test_a_file_name_put_together_is_read_back_the_same(
    shown: str, rank: str, label: int | None, suffix: str
) -> None:
    file = FileName(name=fold(shown), shown=shown, rank=rank, label=label, suffix=suffix)

    assert parse_file_name(str(file)) == file


@FIXED
@given(ANY_STEM, st.sampled_from([".yaml", ".yml", ".json"]))
def test_parsing_what_was_parsed_changes_nothing(stem: str, suffix: str) -> None:
    parsed = parse_file_name(stem + suffix)

    if parsed is not None:
        again = parse_file_name(str(parsed))
        assert again is not None
        assert again.name == parsed.name


@settings(FIXED, max_examples=500)
@given(ANY_FILE_NAME)
@example("a~03.yaml")
@example("a~٣.yaml")
@example("+c.yaml")
def test_a_file_name_that_was_taken_apart_is_put_together_the_same(file_name: str) -> None:
    parsed = parse_file_name(file_name)

    assert parsed is None or str(parsed) == file_name


@settings(FIXED, max_examples=500)
@given(ANY_FILE_NAME, st.one_of(st.none(), st.integers(1, 999_999_999)))
@example("a+.yaml", 1)
@example("a~1~2.yaml", None)
def test_no_label_makes_any_file_another_jobs(file_name: str, label: int | None) -> None:
    """``a+.yaml`` was claimed as ``a+~1.yaml``, which no one took for a record: the job was lost."""
    parsed = parse_file_name(file_name)
    if parsed is None:
        return

    again = parse_file_name(str(parsed.labelled(label)))

    assert again is not None
    assert again.name == parsed.name


@FIXED
@given(SHOWN, st.integers(1, 10_000))
def test_a_label_never_changes_which_job_a_file_is(shown: str, attempt: int) -> None:
    bare = parse_file_name(f"{shown}.yaml")
    assert bare is not None

    labelled = parse_file_name(str(bare.labelled(attempt)))

    assert labelled is not None
    assert labelled.name == bare.name
    assert labelled.labelled(None) == bare


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hero.0001", "hero"),
        ("hero.v2.0001", "hero.v2"),
        ("portrait", "singles"),
        ("20261120-220000-123-hero-4f2a.0017", "20261120-220000-123-hero-4f2a"),
    ],
)
def test_a_shelf_is_the_name_up_to_its_last_dot(name: str, expected: str) -> None:
    assert shelf(name) == expected
    assert layout.results(name) == f"results/{expected}/{name}"


@FIXED
@given(ANY_STEM)
def test_a_shelf_is_a_legal_folder_name(stem: str) -> None:
    assert is_legal(shelf(fold(stem)))


@FIXED
@given(ANY_STEM, ANY_STEM)
def test_two_jobs_never_share_a_results_folder(first: str, second: str) -> None:
    same_folder = layout.results(fold(first)) == layout.results(fold(second))

    assert same_folder == (fold(first) == fold(second))


def test_a_higher_priority_sorts_earlier_among_names_that_we_give() -> None:
    name = "20261120-220000-123-hero-4f2a.0001"

    def file(priority: int) -> str:
        return str(FileName(name=name, shown=name, rank=rank_of_priority(priority)))

    for low, high in ((0, 1), (1, 49), (49, 50), (50, 53), (53, 99)):
        assert file(high) < file(low), (low, high)


@FIXED
@given(st.integers(0, 98))
def test_a_rank_never_turns_two_priorities_round(priority: int) -> None:
    def key(value: int) -> str:
        rank = rank_of_priority(value)
        return f"{rank}+x" if rank else "2026"

    assert key(priority + 1) <= key(priority)


@pytest.mark.parametrize(
    ("priority", "rank"), [(99, "00"), (51, "19"), (50, ""), (49, "50"), (0, "99")]
)
def test_a_rank_is_two_digits_or_nothing(priority: int, rank: str) -> None:
    assert rank_of_priority(priority) == rank


@pytest.mark.parametrize("name", ["gpu04", "a", "4090-left", "x" * 40])
def test_a_worker_name_is_accepted(name: str) -> None:
    assert is_worker_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "con",
        "nul",
        "com1",
        "lpt9",
        "",
        "-a",
        "GPU04",
        "gpu_04",
        "gpu.04",
        "x" * 41,
        "gpu04\n",
        "a b",
    ],
)
def test_a_worker_name_that_would_not_do_as_a_file_name_is_refused(name: str) -> None:
    assert not is_worker_name(name)


@FIXED
@given(ANY_STEM)
def test_a_slug_is_plain_and_bounded(text: str) -> None:
    made = slug(text)

    assert len(made) <= 24
    assert not made.strip("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not made.startswith("-")
    assert not made.endswith("-")


@pytest.mark.parametrize(
    ("entry", "number"),
    [("a1", 1), ("a12", 12), ("a0", None), ("a01", None), ("a", None), ("b1", None), ("a1x", None),
     ("a\u0661", None), ("record.yaml", None)],
)  # fmt: skip
def test_an_attempt_folder_is_known_by_its_name(entry: str, number: int | None) -> None:
    assert layout.attempt_number(entry) == number


@pytest.mark.parametrize(
    "part", ["con", "NUL", "com1.png", "LPT9.tar.gz", "aux ", "con .txt", "COM²", "conin$"]
)
def test_a_device_of_windows_is_known_in_all_its_forms(part: str) -> None:
    assert is_device(part)


@pytest.mark.parametrize("part", ["console", "com", "com10", "x.con", "nulls", "a con", ""])
def test_a_name_that_only_looks_like_a_device_is_none(part: str) -> None:
    assert not is_device(part)

"""Any name that a stranger gives a file: it is no record, or it is one job's for ever and never a path."""

from hypothesis import given
from hypothesis import strategies as st

from spoolctl.spool import Input, layout
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.names import (
    FILE_NAME_BYTES_MAX,
    LABEL_MAX,
    check_file_name,
    fold,
    is_ignored,
    is_legal,
    parse_file_name,
    shelf,
    slug,
)
from tests.fuzz.documents import file_names
from tests.fuzz.steady import assert_told_well, steady


@given(file_names())
@steady(500)
def test_any_file_name_is_ignored_or_is_one_jobs_whatever_label_it_bears(file_name: str) -> None:
    file = parse_file_name(file_name)
    if file is None:
        return
    assert not is_ignored(file_name)
    assert str(file) == file_name
    assert is_legal(file.name)
    try:
        check_file_name(file)
    except BadRecord as error:
        assert_told_well(error)
        return
    for label in (None, 1, LABEL_MAX):
        again = parse_file_name(str(file.labelled(label)))
        assert again is not None
        assert again.name == file.name
        assert len(str(again).encode()) <= FILE_NAME_BYTES_MAX


@given(st.one_of(file_names(), st.text(max_size=300)))
@steady(400)
def test_whatever_a_name_folds_to_lies_inside_the_spool_on_every_system(text: str) -> None:
    name = fold(text)
    assert is_legal(name)
    assert fold(name) == name
    for path in (layout.results(name), layout.manifest(name, 7), layout.part("corpus", name, "~7")):
        assert Input(path=path).path == path
    assert is_legal(shelf(name))
    assert set(slug(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@given(st.one_of(file_names(), st.from_regex(r"\Aa[0-9]{1,12}\Z")))
@steady(200)
def test_any_entry_of_a_results_folder_is_an_attempt_or_none(entry: str) -> None:
    number = layout.attempt_number(entry)
    assert number is None or f"a{number}" == entry

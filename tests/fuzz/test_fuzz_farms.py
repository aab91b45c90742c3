"""A farm that a person describes for ``spoolctl simulate``."""

from hypothesis import given
from hypothesis import strategies as st

from spoolctl.scheduling.simulate.described import described
from spoolctl.spool import BadRecord, UsageError
from spoolctl.spool.codec import decode_mapping
from tests.fuzz import seeds
from tests.fuzz.documents import changed, damaged
from tests.fuzz.steady import assert_told_well, steady

_EXAMPLE = (seeds.ROOT / "examples" / "night" / "farm.yaml").read_bytes()


@given(st.one_of(changed(st.just(_EXAMPLE)), damaged(st.just(_EXAMPLE))))
@steady(200)
def test_any_description_of_a_farm_is_a_farm_or_is_refused(data):
    try:
        mapping = dict(decode_mapping(data))
    except BadRecord:
        return
    try:
        farm = described(mapping, "farm.yaml")
    except UsageError as error:
        assert_told_well(error)
        return
    assert farm.workers
    assert farm.arrivals

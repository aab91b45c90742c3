"""Text to plain values: what YAML and JSON stand for, and that no text takes long to read."""

import pytest

from spoolctl.spool import codec
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.records import Job

GOOD = b"""\
schema: spool.job/1
workload: {kind: image, stages: [{stage: txt2img, prompt: a lighthouse}]}
"""


def job_with(line: bytes) -> bytes:
    return GOOD + line + b"\n"


def refused(data: bytes) -> BadRecord:
    with pytest.raises(BadRecord) as caught:
        codec.decode(Job, data)
    assert str(caught.value).isprintable()
    return caught.value


def test_a_key_may_override_one_that_it_merges() -> None:
    """It was refused as "given twice", although overriding is what a merge is for."""
    data = job_with(b"learning: &a {x: 1, z: 1}\nrandomizer: {<<: [*a, {z: 2, w: 4}], x: 3}")

    assert codec.decode(Job, data).randomizer == {"x": 3, "z": 1, "w": 4}


def test_a_key_is_the_text_that_it_is() -> None:
    job = codec.decode(Job, job_with(b"randomizer: {1: a, on: b, 2026-11-20: c, '<<': d}"))

    assert job.randomizer == {"1": "a", "on": "b", "2026-11-20": "c", "<<": "d"}
    assert codec.decode(Job, codec.encode(job)) == job


@pytest.mark.parametrize(
    "text", ["1:30", "1:1:1.5", "1" + ":1" * 100_000, "2026-11-20", "=", "1e5"]
)
def test_what_only_looks_like_a_number_stays_text(text: str) -> None:
    """A base-60 number takes PyYAML a time that grows with the square of its length; nobody means one."""
    assert codec.decode(Job, job_with(f"learning: {{x: {text}}}".encode())).learning == {"x": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("0x1F", 31), ("-0b101", -5), ("017", 15), ("0", 0), ("-1_000", -1000), ("1.5", 1.5), (".5", 0.5),
     ("1.0e+3", 1000.0), ("!!float 1.", 1.0), ("!!int 7", 7), ("!!str 7", "7"), ("! 7", "7"), ("~", None),
     ("", None), ("Yes", True), ("!!bool off", False), ("'5'", "5"), ("!!map {}", {}), ("!!seq []", [])],
)  # fmt: skip
def test_a_value_is_what_yaml_1_1_says(text: str, value: object) -> None:
    learning = codec.decode(Job, job_with(f"learning: {{x: {text} }}".encode())).learning

    assert learning == {"x": value}
    assert learning is not None
    assert type(learning["x"]) is type(value)


def _item(text: bytes) -> bytes:
    return (
        b"schema: spool.job/1\nworkload: {kind: image, stages: [{stage: upscale}]}\nlearning: {x: "
        + text
        + b"}"
    )


HEAVY = {
    "JSON with a key given twice at its end": (
        b"{" + b",".join(b'"%d":1' % n for n in range(90_000)) + b',"89999":1}'
    ),
    "JSON of too many values": b'{"learning":{"x":[' + b"1," * 200_000 + b"1]}}",
    "60 000 tag directives": b"".join(b"%%TAG !a%d! x\n" % n for n in range(60_000)) + b"---\n{}",
    "nested flow": _item(b"[" * 1_000_000),
    "nested flow mappings": _item(b"{a: " * 200_000),
    "nested aliases": b"a0: &a0 [x]\n"
    + b"".join(b"a%d: &a%d [*a%d]\n" % (n, n, n - 1) for n in range(1, 100)),
    "more keys than a record can have": b"".join(b"k%d: 1\n" % n for n in range(90_000)),
}


@pytest.mark.parametrize("what", HEAVY)
def test_a_file_that_is_slow_to_read_is_refused_instead(what: str) -> None:
    """Each took seconds, or would: 60 000 ``%TAG`` lines seven of them, inside the parser's own C code."""
    refused(HEAVY[what])


def test_many_anchors_and_merges_are_read_in_one_pass() -> None:
    anchors = _item(b"[" + b"".join(b"&a%d 1," % n for n in range(60_000)) + b"]")
    merges = _item(b"{<<: [" + b"".join(b"{k%d: 1}," % n for n in range(40_000)) + b"]}")

    for data, count in ((anchors, 60_000), (merges, 40_000)):
        learning = codec.decode(Job, data).learning
        assert learning is not None
        assert len(learning["x"]) == count


@pytest.mark.parametrize(
    "data", [b"a:\n\t- x\n", b"\xc3\xa9: 1\nw:\n  k: 1\n\tx: 2\n", b"a: b\n\tc: d\n"]
)
def test_a_tab_that_indents_is_told_as_such(data: bytes) -> None:
    """The parser has several words for it, none of which names the tab, so the text is asked."""
    assert "tab" in refused(data).hint

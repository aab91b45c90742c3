"""Strategies: what a stranger may write. Bytes, YAML of every odd shape, valid documents with something changed, names."""

import json
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.fuzz import seeds

_WORDS = (
    "~", "null", "yes", "on", "1", "-1_000", "0x1F", "0b1", "017", "08", "1e5", "1.5", "-.5", ".inf", "-.INF",
    ".nan", "1:30", "2026-11-20", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9" * 299,
    "9" * 400, "9" * 5_000, "0x" + "f" * 300, "1." + "0" * 500, "''", '""', '"\\ud800"', '"\\0"', '"\\x85"',
    "'a\n b'", '"\\U0010ffff"', "!!int 1", "!!int x", "!!binary aGk=", "!!set {a}", "!!omap [a: 1]",
    "!!python/object/apply:os.system [x]", "!<tag:x,1:y> 1", "!", "!!str", "=", "<<", "*a", "*b", "&a", "&b 1",
    "? a", "- a", "a: b", "|", ">-", "# x", "@x", "`x", "%x", "---", "...", "spool.job/1", "spool.job/2",
    "spool.job/99999999999", "image", "stablenew", "txt2img", "x" * 300, "\u2028", "\ufeff", "é", "🦊",
)  # fmt: skip
ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [
            None, True, False, 0, -1, 1, 10**18, 2**63, 10**299, 10**300, 10**399, -(10**4200), 0.1, 1e308, 5e-324,
            float("nan"), float("inf"), "", " ", "\x00", "\n", "\x1b[2J", "\ud800", "\u2028", "x" * 501,
            "x" * 20_001, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-20T22:00:00",
            "../../x", "/etc/passwd", "C:\\x", "a\x00b", "con", "a/con/b", "é" * 200, "x" * 300, "0" * 64,
            "9999-99-99", [], {}, [[]], {"": ""}, ["x"] * 2_000, {"schema": "spool.job/1"}, {"stage": "txt2img"},
            {"kind": "image"}, {"kind": "image", "stages": []},
        ]
    ),
    st.integers(), st.floats(), st.text(max_size=20),
)  # fmt: skip
"""Values that some reader somewhere has not borne."""

_FLOW_CHARS_MAX = 8_000
_ENCODINGS = (
    "utf-8",
    "utf-8",
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-32",
    "latin-1",
    "cp1252",
)
_LINE_ENDS = ("\n", "\n", "\r\n", "\r", "\x85", "\u2028")


def _flow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    item = st.tuples(st.sampled_from(["", "", "&a ", "&b ", "!!map ", "!x "]), inner).map("".join)
    key = st.one_of(
        st.sampled_from(["a", "b", "schema", "<<", "workload", "? x", '"k"', "1"]), inner
    )
    pair = st.tuples(key, item).map(": ".join)
    many = st.tuples(item, st.integers(1, 200)).map(lambda one: ",".join([one[0]] * one[1]))
    shapes = st.one_of(
        st.lists(item, max_size=4).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(pair, max_size=4).map(lambda pairs: f"{{{', '.join(pairs)}}}"),
        many.map(lambda items: f"[{items}]"),
        st.tuples(inner, st.integers(1, 100)).map(lambda one: "[" * one[1] + one[0] + "]" * one[1]),
    )
    return shapes.map(
        lambda text: text[:_FLOW_CHARS_MAX]
    )  # two hundred of two hundred of two hundred


_VALUE = st.recursive(st.one_of(st.sampled_from(_WORDS), st.text(max_size=8)), _flow, max_leaves=8)
_LINE = st.one_of(
    st.tuples(
        st.sampled_from(["", "", "", "  ", "\t", "- ", "    "]),
        st.sampled_from(
            ["schema: ", "workload: ", "metadata: ", "learning: ", "a: ", "b: ", "a: &a ", "<<: ", "", "? ", "- "]
        ),
        _VALUE,
    ).map("".join),
    st.sampled_from(
        ["schema: spool.job/1", "workload: {kind: image, stages: [{stage: upscale}]}", "---", "...", "%YAML 1.1",
         "%TAG ! x", "#", "", "metadata: {x: &a [1, 2], y: [*a, *a]}", "  x", "\x00"]
    ),
)  # fmt: skip


@st.composite
def yaml_documents(draw: st.DrawFn) -> bytes:
    """Lines that look like YAML, in some encoding, with some line end; sometimes a job with such lines behind."""
    lines = draw(st.lists(_LINE, max_size=8))
    if draw(st.booleans()):
        lines = [
            "schema: spool.job/1",
            "workload: {kind: image, stages: [{stage: upscale}]}",
            *lines,
        ]
    text = draw(st.sampled_from(_LINE_ENDS)).join(
        [*lines, *draw(st.sampled_from([[], [""], ["..."]]))]
    )
    return text.encode(draw(st.sampled_from(_ENCODINGS)), "replace")


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """A whole document with bytes put in, taken out, doubled or changed."""
    data = draw(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 40))
        put = draw(
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from([word.encode("utf-8", "replace") for word in _WORDS]),
                st.just(data[start : start + length] * 2),
            )
        )
        data = data[:start] + put + data[start + length :]
    return data


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in inside:
            found += _places(one, (*path, key))
    return found


def _changed(value: Any, path: tuple[Any, ...], new: Any, *, leave_out: bool) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if leave_out and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _changed(copy[path[0]], path[1:], new, leave_out=leave_out)
    return copy


def written(mapping: Any, how: str) -> bytes:
    """A mapping as a file: ``json`` (with NaN and lone surrogates, as Python itself writes them), ``flat`` or ``yaml``."""
    if how == "json":
        return json.dumps(mapping).encode()
    if how == "flat":
        return json.dumps(mapping, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    text = yaml.safe_dump(mapping, allow_unicode=True, sort_keys=False, explicit_end=True)
    return text.encode("utf-8", "replace")


@st.composite
def changed(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """A valid document in which some values are others, are gone, or are new."""
    mapping: Any = seeds.mapping_of(draw(whole))
    for _ in range(draw(st.integers(1, 3))):
        places = _places(mapping)
        if not places:
            break
        path = draw(st.sampled_from(places))
        mapping = _changed(mapping, path, draw(ODD), leave_out=draw(st.integers(0, 9)) == 0)
    if draw(st.integers(0, 5)) == 0:
        mapping[
            draw(st.one_of(st.text(max_size=10), st.sampled_from(["prompt", "schema_", "x" * 900])))
        ] = draw(ODD)
    return written(mapping, draw(st.sampled_from(["json", "flat", "yaml"])))


def jobs() -> st.SearchStrategy[bytes]:
    """Valid job files: ours, and StableNew's snapshots."""
    return st.sampled_from([*_of("spool.job/1"), *seeds.snapshots()])


def _of(schema: str) -> list[bytes]:
    return [one for one in seeds.records() if seeds.mapping_of(one)["schema"] == schema]


def anything() -> st.SearchStrategy[bytes]:
    """Whatever may lie in a spool under any name."""
    whole = st.sampled_from([*seeds.records(), *seeds.snapshots()])
    return st.one_of(
        st.binary(max_size=60),
        yaml_documents(),
        changed(whole),
        damaged(whole),
        st.sampled_from(seeds.foreign()),
        whole,
    )


_STEMS = st.one_of(
    st.sampled_from(
        ["a", "A", "job 1", "0+a", "a+", "+a", "a~2", "a~2~3", "~", "a~0", "a~1234567890", "con", "a.con.b", "..a",
         ".", "-", "é", "e\u0301", "ß", "İ", "ﬀ", "ΟΔΟΣ", "\udc80", "a\nb", "a\\..\\b", "a:b", "C:", "x" * 240,
         "é" * 110, "\u200b", " ", "$a", "~$a", ".a", "a.part", "thumbs", "\x1b[2J", "%s", "{0}", "a'b", "20261120-a.1"]
    ),
    st.text(st.characters(exclude_characters="/\x00"), max_size=24),
)  # fmt: skip
_SUFFIXES = (".yaml", ".yaml", ".yaml", ".yml", ".json", ".YAML", ".Json", ".yaml.reason.yaml", ".png", ".txt", ".tmp",
             ".heartbeat.json", ".node.yaml", ".drain.yaml", ".jsonl", "", ".lock", "~")  # fmt: skip


def file_names() -> st.SearchStrategy[str]:
    """Names that a POSIX server lets a stranger give; no path, and no longer than servers take."""
    whole = st.tuples(_STEMS, st.sampled_from(_SUFFIXES)).map("".join)
    fits = lambda name: 0 < len(name.encode("utf-8", "surrogatepass")) <= 255  # noqa: E731 - named for the reader
    return whole.filter(fits).filter(lambda name: name not in (".", ".."))

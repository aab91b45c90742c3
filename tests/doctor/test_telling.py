"""Findings as text, at 80 columns and unwrapped, and the summary."""

from spoolctl.spool.doctor import bad, count, is_bad, lines, note, ok, summary, warning

LONG = "a share that says " + "many words " * 20
FINDINGS = [
    ok("rename", "fine"),
    warning("mount: soft", LONG, "mount with 'hard' " * 9),
    note("names", "odd"),
]


def test_no_line_is_longer_than_the_terminal_is_wide():
    assert max(len(line) for _, line in lines(FINDINGS, 80)) <= 80


def test_off_a_terminal_each_finding_and_each_hint_is_one_line():
    told = [line for _, line in lines(FINDINGS, None)]
    assert len(told) == 4
    assert told[2].lstrip().startswith("hint: mount with 'hard'")


def test_every_line_carries_the_severity_of_its_finding():
    told = lines(FINDINGS, 80)
    assert {severity for severity, line in told if "hard" in line} == {"warning"}


def test_a_terminal_that_is_very_narrow_still_gets_whole_words():
    words = " ".join(line for _, line in lines(FINDINGS, 20)).split()
    assert words.count("many") == 20


def test_line_ends_in_what_a_server_said_do_not_break_the_layout():
    ((_, told),) = lines([ok("backend", "two\nlines")], None)
    assert "\n" not in told


def test_the_summary_counts_the_worst_first_and_leaves_out_what_there_is_none_of():
    assert summary(FINDINGS) == "3 findings: 1 warning, 1 note, 1 ok"
    assert summary([bad("a", "b", "c"), bad("d", "e", "f")]) == "2 findings: 2 bad"


def test_only_bad_is_bad():
    assert not is_bad(FINDINGS)
    assert is_bad([*FINDINGS, bad("a", "b", "c")])
    assert count(FINDINGS) == {"bad": 0, "warning": 1, "note": 1, "ok": 1}

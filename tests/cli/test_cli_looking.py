"""Status, show, logs and nodes: what people are told, word for word where it matters."""

import json
from datetime import timedelta

import pytest
from cli_bench import JOB_YAML, NOW, Bench, introduce_worker

from spoolctl.cli import status as status_command
from spoolctl.spool import (
    Code,
    Facts,
    Life,
    ModelHere,
    VramSeen,
    find,
    layout,
    open_spool,
)

EMPTY = """\
spool-test  2026-11-20T22:00:00Z
to do    queue 0, waiting 0, held 0
running  claimed 0, finished 0
ended    done 0, failed 0, cancelled 0

workers
none; start one with 'spoolworker run'

controller
none; jobs run all the same
"""


def today(bench: Bench) -> str:
    return bench.actor().share_day()


def test_the_status_of_an_empty_spool_says_what_to_start(bench: Bench) -> None:
    assert bench("status").out == EMPTY


def test_the_status_changes_nothing_in_the_spool(bench: Bench) -> None:
    bench.submit("one")
    before = bench.tree()

    for command in (
        ["status"],
        ["status", "--all"],
        ["status", "--failed"],
        ["show", "one"],
        ["nodes"],
    ):
        assert bench(*command).code == 0

    assert bench.tree() == before


def test_the_status_tells_who_runs_what_and_how_far_it_is(bench: Bench) -> None:
    bench.submit("one")
    bench.submit("two", JOB_YAML, "--class", "batch")
    _, _, life = bench.claim("one")
    life.tell(stage="txt2img", progress=0.456, eta_s=65.0)
    life.beat()

    out = bench("status").out

    assert "to do    queue 1 (1 batch), waiting 0, held 0\n" in out
    assert "running  claimed 1, finished 0\n" in out
    assert (
        "NAME     STATE    JOB  STAGE    DONE  LEFT        LAST BEAT\n"
        "tower-0  running  one  txt2img  46%   1 min 05 s  about 0 s ago\n"
    ) in out


def test_a_claim_of_which_no_heartbeat_speaks_is_told(bench: Bench) -> None:
    bench.submit("one")
    _, _, life = bench.claim("one")
    life.tell(name=None)
    life.beat()

    ran = bench("status")

    assert "one is claimed by 'tower-0', whose heartbeat does not speak of it\n" in ran.out


def test_a_worker_whose_last_beat_is_old_is_marked_as_a_guess(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look cannot tell whether a counter still grows, and the clocks may differ: hence the mark."""
    actor = bench.actor("far-0")
    host = actor.host.__class__("far", "other-host", "boot", 1, 0.0)
    Life(actor.__class__(**{**vars(actor), "host": host}), "worker", Facts()).beat()
    later = (NOW + timedelta(seconds=301)).timestamp()
    monkeypatch.setattr("spoolctl.spool.system.SystemClock.utc_s", lambda _self: later)

    ran = bench("status")

    assert "far-0  silent?" in ran.out
    assert "about 5 min 01 s ago" in ran.out


def test_a_worker_of_this_machine_whose_process_is_gone_is_told_as_gone(bench: Bench) -> None:
    actor = bench.actor()
    host = actor.host.__class__(
        actor.host.machine, actor.host.host_id, actor.host.boot_id, actor.host.pid, 1.0
    )
    Life(actor.__class__(**{**vars(actor), "host": host}), "worker", Facts()).beat()

    assert "tower-0  gone" in bench("status").out


def test_the_status_tells_what_failed_last_and_why(bench: Bench) -> None:
    bench.submit("one")
    bench.fail("one")

    out = bench("status").out

    assert "ended    done 0, failed 1, cancelled 0\n" in out
    assert "failed last\none  bad_job on tower-0, 2026-11-20T22:00:00Z\n  no such sampler\n" in out


def test_the_status_tells_what_waits_for_what(bench: Bench) -> None:
    bench.submit("one")
    bench.submit("two", JOB_YAML, "--after", "one")
    bench.submit("three", "not_before: 2090-01-01T00:00:00Z\n" + JOB_YAML)

    out = bench("status").out

    assert "waiting\nthree  until 2090-01-01T00:00:00Z\ntwo    needs one\n" in out


def test_the_status_tells_rejected_files_with_their_reasons(bench: Bench) -> None:
    (bench.root / "rejected/x-1.yaml").write_bytes(b"x")
    (bench.root / "rejected/x-1.yaml.reason.yaml").write_text(
        "schema: spool.reason/1\nfile: x.yaml\nwas_in: queue/normal\nerror: the file holds str\n"
        "hint: see docs\nline: 1\nby: s\nat: 2026-11-20T22:00:00Z\n"
    )

    ran = bench("status")

    assert "rejected files: 1\nx.yaml, line 1: the file holds str\n  see docs\n" in ran.out


def test_the_status_of_a_group_counts_only_its_jobs(bench: Bench) -> None:
    bench.submit("one", JOB_YAML, "--group", "cats")
    bench.submit("two")

    assert "spool-test, group 'cats'" in bench("status", "--group", "cats").out
    assert bench("status", "--group", "cats", "--json").document["jobs"]["queue"]["normal"] == 1
    jobs = bench("status", "--all", "--group", "cats", "--json").document["jobs"]
    assert [one["job"] for one in jobs] == ["one"]


def test_all_jobs_are_listed_from_their_folders(bench: Bench) -> None:
    for name in ("one", "two", "three"):
        bench.submit(name)
    bench.fail("two")
    bench("hold", "three")

    assert bench("status", "--all").out == (
        "JOB    STATE   WHERE       ATTEMPT\n"
        "one    queue   normal\n"
        "three  held\n"
        f"two    failed  {today(bench)}  1\n"
    )


def test_an_empty_listing_says_so(bench: Bench) -> None:
    assert bench("status", "--all").out == "no jobs\n"
    assert bench("status", "--failed").out == "no failed jobs\n"


def test_the_failed_jobs_are_listed_with_their_codes(bench: Bench) -> None:
    bench.submit("one")
    bench.fail("one", Code.BAD_JOB, "no model 'x'")

    (one,) = bench("status", "--failed", "--json").document["failed"]

    assert (one["job"], one["code"], one["worker"]) == ("one", "bad_job", "tower-0")


def test_watching_redraws_until_interrupted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def pause(_seconds: float) -> None:
        looks.append(1)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status_command, "pause", pause)

    ran = bench("status", "--watch", "--json")

    assert ran.code == 130
    assert [json.loads(line)["spool_id"] for line in ran.out.splitlines()] == ["spool-test"] * 3

    looks.clear()
    assert bench("status", "--watch").code == 130


def test_show_tells_a_success_with_its_outputs(bench: Bench) -> None:
    bench.submit("one", "job_id: my job\ngroup: cats\n" + JOB_YAML)
    bench.succeed("one")

    assert bench("show", "one").out == (
        "one\n"
        "lies at   finished/one~1.yaml\n"
        "job_id    my job\n"
        "group     cats\n"
        "priority  50\n"
        "stages    txt2img\n"
        "images    2\n"
        "prompt    a lighthouse\n"
        "results   results/singles/one\n"
        "\n"
        "attempt 1: succeeded\n"
        "worker  tower-0\n"
        "ended   2026-11-20T22:00:00Z\n"
        "took    1 min 02 s\n"
        "OUTPUT                 SIZE  PIXELS     SEED\n"
        "a1/0000-1-txt2img.png  8 B   512 x 512  7\n"
    )


@pytest.mark.parametrize(
    ("vram", "said"),
    [
        (
            VramSeen(gpu="RTX 3060", total_gb=12.0, free_gb=0.4, others_gb=1.5),
            "card    RTX 3060, 0.4 GB free of 12 GB, 1.5 GB held by other programs\n",
        ),
        (VramSeen(gpu="RTX 3060", total_gb=12.0), "card    RTX 3060, 12 GB\n"),
    ],
)
def test_show_tells_what_was_asked_of_the_backend_and_what_its_card_had(
    bench: Bench, vram: VramSeen, said: str
) -> None:
    bench.submit("one")
    bench.fail("one", Code.OUT_OF_MEMORY, request="txt2img 2048x2048, 20 steps", vram=vram)

    out = bench("show", "one").out

    assert "asked   txt2img 2048x2048, 20 steps\n" in out
    assert said in out


def test_show_tells_a_failure_with_the_end_of_its_log(bench: Bench) -> None:
    bench.submit("one")
    bench.fail("one")

    out = bench("show", "one").out

    assert "attempt 1: failed (bad_job)\nwhy     no such sampler\n" in out
    assert "the log of attempt 1 ends with\n  loading\n  no such sampler\n" in out


def test_show_tells_that_another_attempt_follows(bench: Bench) -> None:
    bench.submit("one")
    bench.fail("one", Code.OUT_OF_MEMORY, "too large")

    out = bench("show", "one").out

    assert "lies at   waiting/one~2.yaml\n" in out
    assert "next    another attempt follows, not before " in out


def test_show_tells_an_open_attempt(bench: Bench) -> None:
    bench.submit("one")
    bench.claim("one")
    bench("cancel", "one")

    out = bench("show", "one").out

    assert "attempt 1: open\nasked to stop\nworker     tower-0 on " in out


def test_show_gives_everything_as_json(bench: Bench) -> None:
    bench.submit("one")
    bench.succeed("one")

    document = bench("show", "one", "--json").document

    assert document["at"] == ["finished/one~1.yaml"]
    assert document["record"]["workload"]["stages"][0]["seed"] == 7
    (attempt,) = document["attempts"]
    assert attempt["manifest"]["outputs"][0]["path"] == "a1/0000-1-txt2img.png"


def test_show_tells_a_record_that_cannot_be_read(bench: Bench) -> None:
    """A file dropped by hand lies in a queue until it is rejected; people ask what is wrong with it."""
    (bench.root / "queue/normal/one.yaml").write_bytes(b"schema: spool.job/1\n")

    ran = bench("show", "one")

    assert ran.code == 0
    assert "problem  cannot read 'queue/normal/one.yaml': " in ran.out


def test_text_of_others_cannot_steer_the_terminal(bench: Bench) -> None:
    bench.submit("one")
    bench.fail("one", message="\x1b[2Jgone\x9b31m")

    ran = bench("show", "one")

    assert "\x1b" not in ran.out
    assert "\x9b" not in ran.out
    assert "\\x1b[2Jgone\\x9b31m" in ran.out


def test_logs_print_the_whole_log_where_there_is_one(bench: Bench) -> None:
    bench.submit("one")
    bench.fail("one")
    assert bench("logs", "one").out == "loading\nno such sampler\n"

    log = bench.root / layout.attempt("one", 1) / "log.txt"
    log.write_bytes(b"step 1\r\nstep 2\xff\n")

    assert bench("logs", "one").out == "step 1\nstep 2\ufffd\n"
    document = bench("logs", "one", "--attempt", "1", "--json").document
    assert document["source"] == "results/singles/one/a1/log.txt"


def test_logs_of_what_never_ran_are_refused(bench: Bench) -> None:
    bench.submit("one")

    assert bench("logs", "one").code == 20
    bench.fail("one")
    ran = bench("logs", "one", "--attempt", "4")
    assert (ran.code, ran.err) == (20, "error: 'one' has no attempt 4\nhint: it has 1\n")


def test_nodes_show_what_each_worker_has(bench: Bench) -> None:
    actor = bench.actor()
    introduce_worker(
        actor,
        backend="webui",
        backend_version="1.10",
        gpu="RTX 3060",
        vram_gb=12.0,
        models=tuple(ModelHere(name=f"m{n}") for n in range(5)),
    )
    Life(actor, "worker", Facts()).beat()

    assert bench("nodes").out == (
        "NAME     STATE  LAST BEAT  GPU       VRAM   BACKEND\n"
        "tower-0  idle   0 s        RTX 3060  12 GB  webui 1.10\n"
        "\n"
        "models\n"
        "tower-0  m0, m1, m2, m3, m4\n"
    )
    (one,) = bench("nodes", "--json").document["nodes"]
    assert one["card"]["models"][4]["name"] == "m4"
    assert one["heartbeat"]["shown_state"] == "idle"


def test_status_and_nodes_tell_why_a_worker_rests_and_when_it_works(bench: Bench) -> None:
    actor = bench.actor()
    introduce_worker(
        actor,
        backend="webui",
        hours=("mon-fri 22:00-07:30", "sat all day"),
    )
    why = "paused by person-ann until 23:00: a game"
    Life(actor, "worker", Facts(state="paused", rests=why, opens_in_s=60.0)).beat()

    assert f"tower-0 rests: {why}\n" in bench("status").out
    (worker,) = bench("status", "--json").document["workers"]
    assert (worker["rests"], worker["opens_in_s"]) == (why, 60.0)
    told = bench("nodes").out
    assert f"resting\ntower-0  {why}\n" in told
    assert "own time\ntower-0  mon-fri 22:00-07:30; sat all day\n" in told


def test_no_nodes_says_so(bench: Bench) -> None:
    assert "no worker has introduced itself yet" in bench("nodes").out


@pytest.mark.parametrize(
    "asked", ["portrait-a", "PORTRAIT-A", "portrait-a.yaml", "queue/normal/portrait-a.yaml"]
)
def test_a_whole_name_means_that_job_even_if_others_begin_with_it(bench: Bench, asked: str) -> None:
    bench.submit("portrait-a")
    bench.submit("portrait-ab")

    assert bench("show", asked, "--json").document["job"] == "portrait-a"


def test_the_beginning_of_one_name_is_enough(bench: Bench) -> None:
    bench.submit("portrait-a")
    bench.submit("landscape")

    assert bench("show", "Port", "--json").document["job"] == "portrait-a"


def test_the_beginning_of_several_names_lists_five_of_them(bench: Bench) -> None:
    for number in range(7):
        bench.submit(f"job-{number}")

    ran = bench("show", "job")

    assert ran.code == 20
    assert ran.err == (
        "error: 'job' could be any of 7 jobs: 'job-0', 'job-1', 'job-2', 'job-3', 'job-4' and 2 more\n"
        "hint: type more of the name, until only one job begins with it\n"
    )


def test_a_job_id_means_its_job_only_in_full(bench: Bench) -> None:
    bench.submit("one", "job_id: 'Cat / ü 7'\n" + JOB_YAML)

    assert bench("show", "Cat / ü 7", "--json").document["job"] == "one"
    assert bench("show", "Cat / ü").code == 20


@pytest.mark.parametrize("asked", ["nobody", "../../etc", "a/../b", "", " ", ".."])
def test_what_means_no_job_is_refused(bench: Bench, asked: str) -> None:
    bench.submit("one")

    ran = bench("show", asked)

    assert ran.code == 20
    assert "hint: 'spoolctl status --all' lists every job" in ran.err


def test_a_job_is_found_wherever_it_lies(bench: Bench) -> None:
    bench.submit("one")
    bench.fail("one")

    assert bench("show", "on", "--json").document["job"] == "one"
    assert find(bench.actor(), "one")[0].place.state == "failed"


def test_what_is_remembered_while_watching_does_not_hide_a_retry(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.submit("one")
    bench.fail("one")
    looks: list[int] = []

    def pause(_seconds: float) -> None:
        looks.append(1)
        if len(looks) == 1:
            bench("retry", "one")
            bench.fail("one", message="again")
            return
        raise KeyboardInterrupt

    monkeypatch.setattr(status_command, "pause", pause)

    last = bench("status", "--watch", "--json").out.splitlines()[-1]

    assert json.loads(last)["failed"][0]["message"] == "again"


def test_status_tells_what_workers_and_controllers_say_in_their_heartbeats(bench: Bench) -> None:
    """A job that could not be merged, or a backend that was away, was told in a heartbeat that nobody was shown."""
    for name, role, said in (
        ("tower-0", "worker", "backend does not answer: refused"),
        (
            "controller-x",
            "controller",
            "one: 'results/singles/one/a1/0000-1-txt2img.png' is not there",
        ),
    ):
        Life(open_spool(bench.root, name=name), role, Facts(message=said)).beat()

    ran = bench("status")

    assert "tower-0: backend does not answer: refused" in ran.out
    assert "controller-x: one: 'results/singles/one/a1/0000-1-txt2img.png' is not there" in ran.out

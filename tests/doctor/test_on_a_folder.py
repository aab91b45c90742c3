"""The doctor's commands on a real folder of this machine, and what they remember."""

import json
import os
import sys

import pytest

from spoolctl.cli.app import main
from spoolctl.controller.litter import Litter
from spoolctl.spool import Diagnosis, codec, create_spool, layout, nodes, open_spool
from spoolctl.spool.doctor import ThisMachine, note, ok, open_ward, path_of, remember
from spoolctl.spool.doctor.peer import Met
from spoolctl.spool.identity import refuse_other_protocol


@pytest.fixture
def root(tmp_path):
    create_spool(tmp_path / "spool")
    return tmp_path / "spool"


@pytest.fixture
def doctor(capsys):
    def run(*arguments):
        capsys.readouterr()
        code = main(["doctor", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def entries(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_local_folder_is_fit_and_the_answer_ends_with_what_to_do_next(doctor, root):
    code, out, err = doctor("--spool", root)
    assert code == 0, out
    assert "publish once" in out
    assert "doctor --peer" in out.splitlines()[-2]
    assert err.startswith("doctor: looking at ")


def test_what_was_found_is_remembered_for_this_machine_and_nothing_else_is_left(doctor, root):
    before = entries(root)
    code, out, _ = doctor("--spool", root, "--json")
    document = json.loads(out)
    assert entries(root) - before == {document["remembered"]}
    kept = codec.decode(Diagnosis, (root / document["remembered"]).read_bytes())
    assert [one.about for one in kept.findings] == [one["about"] for one in document["findings"]]
    assert document["bad"] is False
    assert code == 0


def test_a_bare_folder_is_examined_before_init_and_can_still_be_made_a_spool(doctor, tmp_path):
    code, out, _ = doctor("--spool", tmp_path)
    assert code == 0
    assert "nothing is remembered" in out
    assert entries(tmp_path) == set()
    create_spool(tmp_path)


def test_no_folder_is_an_error_that_says_so(doctor, tmp_path):
    code, _, err = doctor("--spool", tmp_path / "nowhere")
    assert code == 10
    assert "no folder at" in err


def test_something_bad_ends_with_1_and_the_numbers_are_in_the_document(doctor, root, monkeypatch):
    monkeypatch.setattr(ThisMachine, "synced_by", lambda _self: "Dropbox")
    code, out, _ = doctor("--spool", root, "--json")
    document = json.loads(out)
    assert (code, document["bad"], document["counts"]["bad"]) == (1, True, 1)


def test_a_second_machine_that_does_not_come_ends_with_1_but_blames_no_share(
    doctor, root, monkeypatch
):
    monkeypatch.setattr("spoolctl.cli.doctor.meet", lambda _ward, wait_s: _nobody(wait_s))
    code, out, _ = doctor("--spool", root, "--peer", "--wait", "5")
    assert code == 1
    assert "not proved between two machines yet" in out
    assert "Do not trust" not in out


def _nobody(wait_s):
    from spoolctl.spool.doctor import THE_OTHER, bad

    assert wait_s == 5
    return Met(None, [bad(THE_OTHER, "nobody came", "start it there")])


def test_a_later_look_alone_keeps_the_last_meeting_with_each_other_machine(root):
    actor = open_spool(root, name="person-ada")
    remember(actor, [ok("rename", "fine")], Met("barn", [ok("race: folder", "one winner")]))
    remember(actor, [ok("rename", "fine")], Met("loft", [ok("race: folder", "one winner")]))
    remember(actor, [ok("rename", "fine")], Met("barn", [note("race: rename", "two winners")]))
    path = remember(actor, [ok("rename", "still fine")], None)

    kept = codec.decode(Diagnosis, (root / path).read_bytes())
    assert kept.findings[0].said == "still fine"
    assert {one.machine: one.findings[0].about for one in kept.meetings} == {
        "loft": "race: folder",
        "barn": "race: rename",
    }


def test_a_diagnosis_that_cannot_be_read_is_replaced(root):
    actor = open_spool(root, name="person-ada")
    path = root / path_of(actor.host.machine)
    path.write_bytes(b"schema: spool.doctor/1\nfindings: 7\n")
    remember(actor, [ok("rename", "fine")], None)
    assert codec.decode(Diagnosis, path.read_bytes()).findings[0].about == "rename"


@pytest.mark.parametrize("machine", ["pc.lan", "PC 1", "../up", ""])
def test_a_machines_name_never_leads_out_of_the_folder(machine):
    folder, _, name = path_of(machine).rpartition("/")
    assert folder == layout.NODES
    assert name.count(".") == 2


def test_nobody_who_reads_the_nodes_stumbles_over_a_diagnosis_or_removes_it(root):
    actor = open_spool(root, name="person-ada")
    path = remember(actor, [ok("rename", "fine")], None)
    refuse_other_protocol(actor)
    assert all(card is None and beat is None for card, beat in nodes(actor).values())
    litter = Litter(actor)
    litter.remove()
    litter._since = dict.fromkeys(litter._since, -1e9)
    litter._again_at = -1e9
    litter.remove()
    assert (root / path).exists()


def test_a_diagnosis_makes_no_worker_appear(root):
    actor = open_spool(root, name="person-ada")
    remember(actor, [ok("rename", "fine")], None)
    assert nodes(actor) == {}


def test_this_machine_tells_its_own_mount_space_and_locks(root):
    machine = ThisMachine(root)
    assert machine.space().free_bytes > 0
    assert machine.may_write("locks")
    release = machine.lock("locks/x.lock")
    assert machine.lock("locks/x.lock") is None
    release()
    again = machine.lock("locks/x.lock")
    assert again is not None
    again()
    assert machine.synced_by() is None


@pytest.mark.skipif(sys.platform != "linux", reason="mountinfo is Linux's")
def test_on_linux_the_mount_is_told_with_its_options(root):
    mount = ThisMachine(root).mount()
    assert os.path.realpath(root).startswith(mount.folder)
    assert mount.kind
    assert "rw" in mount.options


def test_a_folder_below_one_that_a_program_synchronises_is_known(tmp_path):
    (tmp_path / "Sync" / ".stfolder").mkdir(parents=True)
    (tmp_path / "Sync" / "spool").mkdir()
    assert ThisMachine(tmp_path / "Sync" / "spool").synced_by() == "Syncthing"
    assert ThisMachine(tmp_path / "OneDrive - Home" / "spool").synced_by() == "OneDrive - Home"


def test_a_name_is_looked_at_without_asking_its_folder(root):
    machine = ThisMachine(root)
    assert machine.exists_by_name("spool.yaml")
    assert not machine.exists_by_name("nothing")


def test_a_spool_is_known_as_one(root, tmp_path):
    assert open_ward(root, name="person-ada", tell=print).is_spool
    assert not open_ward(tmp_path, name="person-ada", tell=print).is_spool

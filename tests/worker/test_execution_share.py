"""The end of an attempt while the share fails: what is complete waits, and the same verdict is published at every try."""

import errno

from execution_rig import product

from spoolctl.spool import (
    Verdict,
    layout,
)
from spoolctl.spool.memory import Fault


def test_a_complete_result_waits_longer_than_a_lease_for_the_share_and_is_delivered(rig):
    """It used to be thrown away once the worker was fenced, which is when it is most wanted: nobody need run it again."""

    def act(order, watch):
        rig.actor.files.fail(rig.actor.files.operations, Fault.BEFORE, onward=True)
        return product(order)

    def back():
        assert rig.pulse.is_fenced
        rig.actor.files.heal()

    rig.at_wait[8_000] = back  # 400 s

    assert rig.run(act).succeeded
    assert rig.verdict.succeeded
    assert rig.world.state("job-1") == "finished"


def test_a_complete_result_is_delivered_also_if_the_worker_must_rest_meanwhile(rig):
    """Its images are made: to hand it back would only have another card draw them again."""
    told = []

    def act(order, watch):
        rig.actor.files.fail(rig.actor.files.operations, Fault.BEFORE, onward=True)
        return product(order, watch)

    rig.at_wait[1] = lambda: told.append("closed")
    rig.at_wait[5] = rig.actor.files.heal

    manifest = rig.run(act, give_up=lambda: told[0] if told else None)

    assert told
    assert manifest.succeeded


def test_a_complete_result_is_given_up_when_another_ended_the_attempt_meanwhile(rig):
    def act(order, watch):
        rig.actor.files.fail(rig.actor.files.operations, Fault.BEFORE, onward=True)
        return product(order)

    def back():
        rig.lost_to()
        rig.actor.files.heal()
        rig.look()

    rig.at_wait[50] = back

    assert rig.run(act) is None
    assert rig.verdict.verdict is Verdict.LOST


def test_the_same_bytes_are_published_at_every_try(rig):
    """A second verdict of other bytes would not be recognised as one's own after a lost reply."""
    written = []
    write_new, link = rig.actor.files.write_new, rig.actor.files.link

    def write(path, data):
        if b"spool.manifest/1" in data:
            written.append(data)
        write_new(path, data)

    def linked(source, target):
        if target.endswith("manifest.yaml") and len(written) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        link(source, target)

    rig.actor.files.write_new, rig.actor.files.link = write, linked

    assert rig.run(product).succeeded
    assert len(written) == 3
    assert len(set(written)) == 1
    assert rig.world.share.tree()[f"{rig.folder}/manifest.yaml"] == written[0]


def test_a_verdict_whose_reply_was_lost_is_published_again_and_settled_though_the_pulse_saw_it(rig):
    """The pulse takes one's own verdict for another's, and nobody settled the record: a worker that is alone left it claimed."""
    link, names = rig.actor.files.link, rig.actor.files.names
    deaf = []

    def lost(source, target):
        if not target.endswith("manifest.yaml"):
            return link(source, target)
        deaf.append(target)
        if len(deaf) == 1:
            link(source, target)
        raise OSError(errno.EIO, "Input/output error")

    def blind(folder):
        if deaf and folder == rig.folder:
            raise OSError(errno.EIO, "Input/output error")
        return names(folder)

    def back():
        rig.actor.files.link, rig.actor.files.names = link, names
        rig.look()

    rig.actor.files.link, rig.actor.files.names = lost, blind
    rig.at_wait[5] = back

    assert rig.run(product).succeeded
    assert len(deaf) == 3
    assert rig.world.state("job-1") == "finished"


def test_a_hand_back_ends_the_wait_for_a_share_that_stays_away(rig):
    def act(order, watch):
        rig.actor.files.fail(rig.actor.files.operations, Fault.BEFORE, onward=True)
        return product(order)

    rig.at_wait[20] = rig.stopping.hand_back.set

    assert rig.run(act) is None
    assert rig.verdict is None


def test_an_attempt_whose_folder_a_person_removed_is_given_up(rig):
    """It used to wait for that folder for ever, and took no other job."""
    rig.world.removed.add("job-1")

    def act(order, watch):
        person = rig.world.share.view()
        for folder in (rig.folder, layout.results("job-1")):
            for entry in person.names(folder):
                person.unlink(f"{folder}/{entry}")
            person.rmdir(folder)
        return product(order)

    assert rig.run(act) is None
    assert "job-1" not in rig.world.manifests("job-1")

"""How often a job may be passed over by workers that take what needs their loaded model first, and what a restart forgets."""

from spoolctl.spool import ModelHere
from tests.spool.spool_world import World
from tests.worker.test_choosing import Chooses

PASSES = 6
WAIT_S = 3_600.0


def asking(model):
    return (
        "schema: spool.job/1\nworkload:\n  kind: image\n  stages:\n"
        f"  - {{stage: txt2img, prompt: a lighthouse, model: {model}, seed: 7}}\n...\n"
    ).encode()


def of_all(passes):
    return dict.fromkeys(("interactive", "normal", "batch"), passes)


class Farm:
    """Workers that have model b loaded, a job that needs model a, and always younger ones that need b."""

    def __init__(self, passes_max=PASSES, wait_s=7_200.0, *, young=59):
        rules = {"passes_max": of_all(passes_max), "wait_max_s": {"normal": wait_s}, "turns": "off"}
        self.world = World(choosing=rules)
        self.world.drop("0000", asking("a"))
        self.workers = {}
        self.dropped = 0
        self.young(young)

    def young(self, count=1):
        """More jobs come that need b."""
        for _ in range(count):
            self.dropped += 1
            self.world.drop(f"{self.dropped:04d}", asking("b"))

    def restart(self, name):
        """A new life of the worker, which knows nothing of the one before."""
        models = tuple(ModelHere(name=one, bytes=8 << 30) for one in "ab")
        card = {"backend": "webui", "gpu": "RTX 3060", "models": models}
        self.workers[name] = Chooses(self.world, name, **card)

    def take(self, name):
        claimed = self.workers[name].chooser.look(model="b").claimed
        self.world.turn(10)
        return claimed.name if claimed else None


def passes(farm, name, *, looks):
    """How often the worker takes a younger one before it takes the job; None: it never does within so many looks."""
    for count in range(looks):
        if farm.take(name) == "0000":
            return count
    return None


def test_one_life_of_a_worker_passes_a_job_over_so_often_and_no_more():
    farm = Farm()
    farm.restart("w1")
    assert passes(farm, "w1", looks=50) == PASSES - 1, (
        "one is kept back for each worker that it knows"
    )


def test_what_others_took_before_it_counts_for_a_worker_that_lives_on():
    farm = Farm()
    farm.restart("w1")
    farm.restart("w2")
    taken = [farm.take(("w1", "w2")[turn % 2]) for turn in range(20)]
    assert taken.index("0000") <= PASSES


def test_a_worker_that_is_restarted_forgets_and_the_bound_is_for_each_of_its_lives():
    """Nothing on the share says how often a job was passed over, so that as many lives may each pass it over as often."""
    farm = Farm()
    for _ in range(4):
        farm.restart("w1")
        assert passes(farm, "w1", looks=PASSES - 1) is None
    farm.restart("w1")
    assert passes(farm, "w1", looks=50) == PASSES - 1, "after 20 in its former lives"


def test_one_worker_that_lives_on_bounds_what_restarted_ones_do():
    farm = Farm()
    farm.restart("steady")
    farm.take("steady")
    for _ in range(PASSES):
        farm.restart("flighty")
        assert farm.take("flighty") != "0000"
    assert farm.take("steady") == "0000"


def test_what_has_waited_for_its_limit_in_one_life_of_a_worker_goes_before_all_that_has_not():
    farm = Farm(passes_max=1_000, wait_s=WAIT_S, young=3)
    farm.restart("w1")
    for _ in range(3):
        assert farm.take("w1") != "0000"
    farm.world.turn(WAIT_S)
    farm.young(5)
    assert farm.take("w1") == "0000"


def test_of_what_has_waited_for_its_limit_the_loaded_model_goes_first_while_passes_are_left():
    """A whole night that is past its limit would else load a model for each job."""
    farm = Farm(wait_s=WAIT_S)
    farm.restart("w1")
    assert farm.take("w1") != "0000"
    farm.world.turn(WAIT_S)
    assert passes(farm, "w1", looks=50) == PASSES - 2


def test_the_age_limit_is_counted_anew_in_each_life_too():
    """A worker judges how long a job has waited by its own clock, from when it saw it first."""
    farm = Farm(passes_max=1_000, wait_s=WAIT_S, young=0)
    for _ in range(3):
        farm.restart("w1")
        farm.young()
        assert farm.take("w1") != "0000"
        farm.world.turn(WAIT_S - 20)
        farm.young()
        assert farm.take("w1") != "0000"
    farm.world.turn(20)
    farm.young()
    assert farm.take("w1") == "0000"

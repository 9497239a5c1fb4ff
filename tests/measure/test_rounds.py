"""Who is stepped when, and when a cell has had enough, with sessions that only pretend."""

import itertools
import random

import pytest

from dlas.errors import BuildFailed
from dlas.measure.clocks import Repetition
from dlas.measure.pace import Pace
from dlas.measure.rounds import FIRST_LOOK, LEAST_ROUNDS, Limits, Member, loading_order, run_rounds

BASELINE, KERNEL = "baseline", "kernel"
NEVER = 1e-12  # a margin that noise does not meet
STEADY, NOISY = 0.0, 0.5
STEP = 2**-7  # s that a step takes by the fake clock; sums of it are exact
REST = 2**-5  # s that a child's threads run on after it


class Laboratory:
    """Fake sessions on a fake clock, and the log of who was stepped."""

    def __init__(self):
        self.seconds = 0.0
        self.rested = 0
        self.log = []
        self.members = {}

    def now(self):
        return self.seconds

    def add(self, name, noise=NOISY, seed=None, dies=None, no_pace=False):
        """A member; those of the same seed are slow and fast in the same rounds."""
        self.members[name] = Member(Pretender(self, name, noise, seed or name, dies, no_pace), wall=False)

    def run(self, margin=NEVER, budget=1.0, seed=0, companions=(BASELINE, KERNEL), report=lambda _: None):
        present = [name for name in companions if name in self.members]
        run_rounds(self.members, present, Limits(margin, budget), seed, self.now, report)
        return {name: member.outcome for name, member in self.members.items()}

    def rounds(self):
        """Names in the order in which they were stepped, for each round."""
        return [[name for _, name in part] for _, part in itertools.groupby(self.log, key=lambda entry: entry[0])]

    def steps(self, name):
        return sum(stepped == name for _, stepped in self.log)


class Pretender:
    """A session that is slower by chance in each step and which may die in some step."""

    def __init__(self, laboratory, name, noise, seed, dies, no_pace):
        self.laboratory, self.name, self.noise, self.dies, self.no_pace = laboratory, name, noise, dies, no_pace
        self.generator = random.Random(seed)
        self.calm_from = None
        self.stepped = 0

    def pace(self):
        if self.no_pace:
            raise BuildFailed(f"{self.name} cannot warm up")
        return Pace(inner=2, repetitions=4, discarded=0.0)

    def step(self, pace, expected):
        self.laboratory.log.append((self._round(), self.name))
        if self.stepped == self.dies:
            raise BuildFailed(f"{self.name} died")
        self.stepped += 1
        self.laboratory.seconds += STEP
        calm = self.calm_from is not None and self.stepped > self.calm_from
        nanoseconds = round(1e6 * (1 + (0 if calm else self.noise * self.generator.uniform(0.5, 1))))
        return [Repetition(nanoseconds, nanoseconds, 0)] * pace.repetitions

    def rest(self):
        self.laboratory.seconds += REST
        self.laboratory.rested += 1

    def _round(self):
        return len(self.laboratory.members[self.name].steps)


@pytest.fixture
def laboratory():
    return Laboratory()


@pytest.fixture
def block(laboratory):
    """The baseline, the kernel and three cells that noise keeps from any margin."""
    for name in (BASELINE, "a", "bb", "ccc", KERNEL):
        laboratory.add(name)
    return laboratory


def test_every_live_member_is_stepped_once_a_round(block):
    block.run(budget=12 * STEP)
    assert len(block.rounds()) == 12
    assert all(sorted(names) == sorted(block.members) for names in block.rounds())


def test_alternate_rounds_are_reversed(block):
    block.run(budget=12 * STEP)
    rounds = block.rounds()
    assert all(odd == even[::-1] for even, odd in zip(rounds[::2], rounds[1::2], strict=True))


def test_each_pair_of_rounds_is_shuffled_anew(block):
    block.run(budget=40 * STEP)
    assert len({tuple(names) for names in block.rounds()[::2]}) > 5


def log_of(seed):
    laboratory = Laboratory()
    for name in (BASELINE, "a", "bb", "ccc", KERNEL):
        laboratory.add(name)
    laboratory.run(budget=20 * STEP, seed=seed)
    return laboratory.log


def test_the_seed_decides_the_order():
    assert log_of(3) == log_of(3)
    assert log_of(3) != log_of(4)


def test_steps_carry_their_round_and_their_inner_loop(block):
    block.run(budget=5 * STEP)
    assert [(number, inner) for number, inner, _ in block.members["a"].steps] == [(n, 2) for n in range(5)]
    assert len(block.members["a"].samples.rounds) == 5 * 4


# --- when it is enough ------------------------------------------------------------------------------------------


def test_a_steady_cell_stops_by_margin_at_the_first_look(laboratory):
    for name in (BASELINE, "a", KERNEL):
        laboratory.add(name, STEADY)
    assert laboratory.run(margin=0.02)["a"] == "margin"
    assert len(laboratory.rounds()) == FIRST_LOOK


def test_a_noisy_cell_stops_by_budget(block):
    assert block.run(budget=10 * STEP)["a"] == "budget"
    assert block.members["a"].spent == pytest.approx(10 * STEP)


def test_every_child_rests_after_it_computed_and_on_nobody_s_budget(block):
    outcomes = block.run(budget=20 * STEP)
    assert block.rested == len(block.log) + len(outcomes)
    assert block.steps("a") == 20


def test_a_budget_too_small_still_buys_the_least_rounds(block):
    assert block.run(budget=STEP / 2)["a"] == "budget"
    assert block.steps("a") == LEAST_ROUNDS


@pytest.mark.parametrize(("restless_rounds", "look"), [(0, 16), (7, 32), (14, 64), (28, 128)])
def test_a_cell_that_calms_down_is_noticed_when_the_rounds_have_doubled(laboratory, restless_rounds, look):
    """Its median is certain once many more rounds were calm than not: that is so well before the look."""
    for name in (BASELINE, "a", KERNEL):
        laboratory.add(name, STEADY)
    laboratory.members["a"].session.noise = NOISY
    laboratory.members["a"].session.calm_from = restless_rounds
    assert laboratory.run(margin=0.02, budget=1e9)["a"] == "margin"
    assert laboratory.steps("a") == look


def test_a_cell_that_stopped_is_stepped_no_more_while_baseline_and_kernel_go_on(laboratory):
    for name, noise in ((BASELINE, STEADY), ("steady", STEADY), ("noisy", NOISY), (KERNEL, STEADY)):
        laboratory.add(name, noise)
    outcomes = laboratory.run(margin=0.02, budget=21 * STEP)
    assert (outcomes["steady"], outcomes["noisy"]) == ("margin", "budget")
    assert laboratory.steps("steady") == FIRST_LOOK
    assert laboratory.steps(BASELINE) == laboratory.steps(KERNEL) == laboratory.steps("noisy") == 21


def test_a_cell_is_judged_by_its_ratio_to_the_baseline(laboratory):
    """Cell and baseline move together: neither is certain, their ratio is."""
    for name in (BASELINE, "a", KERNEL):
        laboratory.add(name, seed=1)
    outcomes = laboratory.run(margin=0.02, budget=20 * STEP)
    assert (outcomes["a"], outcomes[BASELINE]) == ("margin", "budget")


def test_each_round_is_reported(block):
    heard = []
    block.run(budget=6 * STEP, report=lambda members: heard.append(len(members["a"].steps)))
    assert heard == [1, 2, 3, 4, 5, 6]


def test_only_the_baseline_and_the_kernel_end_too(laboratory):
    laboratory.add(BASELINE)
    laboratory.add(KERNEL)
    assert laboratory.run(budget=9 * STEP)[BASELINE] == "budget"
    assert len(laboratory.rounds()) == 9


def test_the_baseline_alone_ends_too(laboratory):
    laboratory.add(BASELINE, STEADY)
    assert laboratory.run(margin=0.02) == {BASELINE: "margin"}


def test_nobody_waits_for_the_kernel(laboratory):
    laboratory.add(BASELINE, STEADY)
    laboratory.add("a", STEADY)
    laboratory.add(KERNEL, NOISY)
    assert laboratory.run(margin=1e-6, budget=1e9) == {BASELINE: "margin", "a": "margin", KERNEL: ""}


# --- failures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0, 3, 11])
def test_a_child_that_dies_costs_only_its_own_cell(block, step):
    block.members["bb"].session.dies = step
    outcomes = block.run(budget=20 * STEP)
    assert (outcomes["bb"], outcomes["a"], outcomes["ccc"]) == ("failed", "budget", "budget")
    assert str(block.members["bb"].problem) == "bb died"
    assert block.steps("bb") == step + 1
    assert block.steps("a") == block.steps(BASELINE) == 20


def test_a_child_that_cannot_warm_up_is_never_stepped(laboratory):
    laboratory.add(BASELINE)
    laboratory.add("a", no_pace=True)
    laboratory.add("bb")
    assert laboratory.run(budget=6 * STEP) == {BASELINE: "budget", "a": "failed", "bb": "budget"}
    assert laboratory.steps("a") == 0


@pytest.mark.parametrize("step", [0, 3, 11])
def test_if_the_baseline_dies_the_others_still_end(block, step):
    block.members[BASELINE].session.dies = step
    outcomes = block.run(budget=20 * STEP)
    assert outcomes[BASELINE] == "failed"
    assert {outcomes[name] for name in ("a", "bb", "ccc")} == {"budget"}
    assert block.steps(BASELINE) == step + 1


def test_without_a_baseline_a_cell_is_judged_by_its_own_latency(laboratory):
    laboratory.add(BASELINE, dies=0)
    laboratory.add("steady", STEADY)
    laboratory.add("noisy", NOISY)
    outcomes = laboratory.run(margin=0.02, budget=30 * STEP)
    assert outcomes == {BASELINE: "failed", "steady": "margin", "noisy": "budget"}


def test_if_the_kernel_dies_the_cells_are_measured_all_the_same(block):
    block.members[KERNEL].session.dies = 2
    outcomes = block.run(budget=9 * STEP)
    assert (outcomes[KERNEL], outcomes["a"]) == ("failed", "budget")
    assert block.steps("a") == 9


def test_if_all_die_it_ends(block):
    for member in block.members.values():
        member.session.dies = 1
    assert set(block.run().values()) == {"failed"}


def test_a_pace_that_is_known_stays_though_every_process_warms_up(laboratory):
    laboratory.add(BASELINE, STEADY)
    laboratory.members[BASELINE].frozen = Pace(inner=7, repetitions=2, discarded=0.0)
    assert laboratory.run(margin=0.02) == {BASELINE: "margin"}
    assert {inner for _, inner, _ in laboratory.members[BASELINE].steps} == {7}


def test_children_are_loaded_in_an_order_by_chance_that_the_seed_repeats():
    orders = [loading_order("abcde", seed) for seed in range(60)]
    assert all(sorted(order) == list("abcde") for order in orders)
    assert {order[0] for order in orders} == set("abcde")
    assert loading_order("abcde", 7) == orders[7]


@pytest.mark.parametrize("first", [6, 7])
def test_of_three_processes_never_all_load_two_children_in_the_same_order(first):
    orders = [loading_order("abcde", first + process) for process in range(3)]
    for one, other in itertools.combinations("abcde", 2):
        assert len({order.index(one) < order.index(other) for order in orders}) == 2

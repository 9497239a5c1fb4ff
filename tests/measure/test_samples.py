"""Raw samples: which repetitions speak, by which clock, paired with what; and that packing loses nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dlas.measure.clocks import Repetition
from dlas.measure.samples import Samples, by_round, collect, latency_logs, pack, paired_logs, unpack


def samples(rounds, wall, cpu, switches=0):
    """Samples from scalars or sequences, each as long as `rounds`."""
    rounds = np.asarray(rounds, np.int64)
    wall, cpu = (np.broadcast_to(np.asarray(x, np.float64), rounds.shape) for x in (wall, cpu))
    return Samples(rounds, wall, cpu, np.broadcast_to(np.asarray(switches, np.int64), rounds.shape))


def interrupted(clean, others):
    """That many clean repetitions, one a round, and as many others in the rounds after."""
    count = clean + others
    return samples(np.arange(count), wall=2e-3, cpu=1e-3, switches=[0] * clean + [1] * others)


@pytest.mark.parametrize(
    ("clean", "others", "enough"),
    [(30, 0, True), (29, 0, False), (30, 30, True), (30, 31, False), (0, 5, False), (500, 501, False)],
)
def test_clean_repetitions_speak_if_they_are_thirty_and_half_of_all(clean, others, enough):
    assert interrupted(clean, others).enough_clean == enough


def test_collecting_gives_seconds_of_one_inference():
    found = collect([(0, 4, [Repetition(4_000, 2_000, 1)]), (1, 4, [Repetition(8_000, 6_000, 0)] * 2)])
    assert found.rounds.tolist() == [0, 1, 1]
    assert found.wall == pytest.approx([1e-6, 2e-6, 2e-6])
    assert found.cpu == pytest.approx([0.5e-6, 1.5e-6, 1.5e-6])
    assert found.switches.tolist() == [1, 0, 0]


def test_collecting_nothing_gives_no_repetitions():
    assert len(collect([]).rounds) == 0


def test_a_round_is_the_median_of_its_repetitions():
    rounds = by_round(np.array([5, 2, 5, 5]), np.array([1.0, 7.0, 100.0, 3.0]))
    assert rounds == pytest.approx({2: np.log(7), 5: np.log(3)})


def test_no_repetitions_are_no_rounds():
    assert by_round(np.array([], np.int64), np.array([])) == {}


def test_pairing_takes_the_ratio_of_shared_rounds_only():
    cell = samples([0, 1, 2, 5], wall=1, cpu=[2, 4, 8, 99])
    baseline = samples([1, 2, 3, 4], wall=1, cpu=[1, 1, 77, 77])
    assert paired_logs(cell, baseline, wall=False) == pytest.approx(np.log([4, 8]))


def test_pairing_without_a_shared_round_gives_no_ratio():
    assert len(paired_logs(samples([0], 1, 1), samples([1], 1, 1), wall=False)) == 0


def test_a_drift_that_both_sides_share_cancels():
    drift = 1 + np.arange(40) / 10
    cell, baseline = (samples(np.arange(40), wall=9, cpu=level * drift) for level in (3, 2))
    assert paired_logs(cell, baseline, wall=False) == pytest.approx(np.full(40, np.log(1.5)))


def test_where_both_are_clean_enough_only_clean_repetitions_count():
    rounds, switches = np.repeat(np.arange(30), 2), [0, 3] * 30
    cell = samples(rounds, wall=1, cpu=[2, 50] * 30, switches=switches)
    baseline = samples(rounds, wall=1, cpu=[1, 70] * 30, switches=switches)
    assert paired_logs(cell, baseline, wall=False) == pytest.approx(np.full(30, np.log(2)))


def test_where_one_side_is_not_clean_enough_all_repetitions_of_both_count():
    rounds = np.repeat(np.arange(30), 2)
    clean_enough = samples(rounds, wall=1, cpu=[2, 8] * 30, switches=[0, 1] * 30)
    interrupted_always = samples(rounds, wall=1, cpu=1, switches=1)
    expected = np.full(30, np.log(4))  # the median of log 2 and log 8, over 1
    assert paired_logs(clean_enough, interrupted_always, wall=False) == pytest.approx(expected)
    assert paired_logs(interrupted_always, clean_enough, wall=False) == pytest.approx(-expected)


def test_asked_for_wall_time_both_sides_use_wall_time_of_all_repetitions():
    cell = samples(np.arange(40), wall=6, cpu=100, switches=[0] * 39 + [1])
    baseline = samples(np.arange(40), wall=2, cpu=1)
    assert paired_logs(cell, baseline, wall=True) == pytest.approx(np.full(40, np.log(3)))


@pytest.mark.parametrize("wall", [True, False])
@pytest.mark.parametrize("clean", [(40, 0), (0, 40), (35, 30), (29, 0)])
def test_no_ratio_mixes_clocks(wall, clean):
    """Wall time is twice the processor time on both sides: a ratio other than one mixes the two."""
    one, other = interrupted(*clean), interrupted(40, 0)
    assert paired_logs(one, other, wall) == pytest.approx(0.0)
    assert paired_logs(other, one, wall) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("found", "wall", "latency", "clock"),
    [
        (interrupted(60, 20), False, 2e-3, "wall, clean repetitions"),
        (interrupted(10, 20), False, 1e-3, "cpu"),
        (interrupted(10, 20), True, 2e-3, "wall"),
    ],
)
def test_latency_says_by_which_clock_it_was_measured(found, wall, latency, clock):
    logs, said = latency_logs(found, wall)
    assert (np.exp(np.median(logs)), said) == (pytest.approx(latency), clock)


def test_latency_of_clean_repetitions_leaves_the_others_out():
    found = samples(np.repeat(np.arange(40), 2), wall=[1, 9] * 40, cpu=5, switches=[0, 1] * 40)
    assert latency_logs(found, wall=False)[0] == pytest.approx(np.zeros(40))


@st.composite
def drawn_samples(draw):
    count = draw(st.integers(0, 50))
    times = arrays.arrays(np.float64, count, elements=st.floats(1e-9, 1e4))
    whole = arrays.arrays(np.int64, count, elements=st.integers(0, 2**31 - 1))
    return Samples(draw(whole), draw(times), draw(times), draw(whole))


@given(drawn_samples())
def test_unpacking_gives_what_was_packed(found):
    back = unpack(pack(found))
    assert np.array_equal(back.rounds, found.rounds)
    assert np.array_equal(back.switches, found.switches)
    for time in ("wall", "cpu"):
        np.testing.assert_allclose(getattr(back, time), getattr(found, time), rtol=1e-7)


@given(drawn_samples())
def test_packing_again_changes_nothing(found):
    once = unpack(pack(found))
    twice = unpack(pack(once))
    assert all(np.array_equal(getattr(once, part), getattr(twice, part)) for part in vars(once))


@given(drawn_samples().filter(lambda s: len(s.rounds)))
def test_a_cell_paired_with_itself_has_ratio_one_in_each_of_its_rounds(found):
    logs = paired_logs(found, found, wall=True)
    assert logs.tolist() == [0.0] * len(np.unique(found.rounds))

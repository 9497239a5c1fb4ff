"""Intervals: how often they hold the truth, and known values."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas.measure.statistics import (
    Interval,
    Spread,
    half_interval,
    independent_difference,
    over_processes,
    paired_difference,
    spread_between,
    wilson,
)

ALONE = Spread(0.0, 0)
BETWEEN = 0.005  # standard deviation between processes, in log; the design's A/A table
WITHIN = 0.004  # of one round
ROUNDS = 32

counts = st.integers(0, 60)
tables = st.tuples(counts, counts, counts, counts).filter(sum)


def measured(generator, processes, between=BETWEEN, within=WITHIN):
    """Log-ratios over rounds of a cell whose true log-ratio is nought."""
    effects = generator.normal(0, between, processes)
    return [generator.normal(effect, within, ROUNDS) for effect in effects]


def coverage(blocks, cells, processes, lend=spread_between, between=BETWEEN, within=WITHIN):
    """Share of the intervals of `blocks` x `cells` draws that hold the truth."""
    generator = np.random.default_rng(20240229)
    hits = []
    for _ in range(blocks):
        block = [measured(generator, processes, between, within) for _ in range(cells)]
        lent = lend(block)
        found = [over_processes(cell, lent, seed) for seed, cell in enumerate(block)]
        hits += [interval.low <= 0 <= interval.high for interval in found]
    return float(np.mean(hits))


# --- over fresh processes ---------------------------------------------------------------------------------------


def test_in_a_block_of_six_cells_with_three_processes_95_percent_of_intervals_hold_the_truth():
    assert 0.93 <= coverage(blocks=170, cells=6, processes=3) <= 0.97


def test_so_they_do_with_two_processes():
    assert 0.93 <= coverage(blocks=170, cells=6, processes=2) <= 0.97


def test_so_they_do_for_three_processes_of_a_cell_alone():
    assert 0.93 <= coverage(blocks=600, cells=1, processes=3, lend=lambda _: ALONE) <= 0.975


def test_one_process_borrows_the_spread_of_the_others():
    generator = np.random.default_rng(1)
    block = [measured(generator, 3) for _ in range(6)]
    lent = spread_between(block)
    single = measured(generator, 1)
    little, much = over_processes(single, lent), over_processes(single, Spread(100 * lent.variance, lent.freedom))
    assert much.value == little.value
    assert much.high - much.low > 5 * (little.high - little.low)


def test_one_process_that_borrows_holds_the_truth_at_least_as_often_as_it_says():
    generator = np.random.default_rng(2)
    hits = []
    for _ in range(300):
        lent = spread_between([measured(generator, 3) for _ in range(6)])
        found = over_processes(measured(generator, 1), lent)
        hits.append(found.low <= 0 <= found.high)
    assert np.mean(hits) >= 0.93


def test_a_cell_that_is_alone_in_its_block_borrows_nothing_from_itself():
    assert coverage(blocks=600, cells=1, processes=3) >= 0.93


def test_intervals_are_not_needlessly_wide_where_processes_do_not_differ():
    assert coverage(blocks=100, cells=6, processes=3, between=0.0, within=0.02) <= 0.985


def test_one_process_with_nobody_to_borrow_from_is_not_trusted():
    assert coverage(blocks=300, cells=1, processes=1) >= 0.93


def test_the_estimate_is_the_mean_of_the_processes_medians():
    processes = [np.array([1.0, 1.0, 50.0]), np.array([3.0, 3.0, 3.0]), np.array([8.0, 8.0, -9.0])]
    assert over_processes(processes, ALONE).value == 4.0


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_interval_lies_symmetrically_around_the_estimate(count):
    found = over_processes(measured(np.random.default_rng(3), count), Spread(1e-5, 4))
    assert found.value - found.low == pytest.approx(found.high - found.value)
    assert found.low < found.value < found.high


def test_three_processes_alone_have_the_interval_of_students_t():
    medians = [1.0, 2.0, 4.0]
    found = over_processes([np.full(9, median) for median in medians], ALONE)
    assert found.high - found.value == pytest.approx(4.302653 * np.std(medians, ddof=1) / math.sqrt(3))
    assert found.freedom == 2


def test_processes_that_agree_are_still_as_uncertain_as_their_rounds():
    rounds = np.random.default_rng(4).normal(0, 0.1, 64)
    found = over_processes([rounds, rounds, rounds], ALONE)
    assert found.high - found.value > 1.96 * 0.5 * 0.1 / math.sqrt(64) / math.sqrt(3)


def test_no_more_weight_is_lent_than_the_others_have_degrees_of_freedom():
    same = [np.full(9, 1.0)] * 3
    # Three processes bring two degrees of freedom of their own; the variance of the others is 1e-4 each time.
    lent = [Spread(1e-4 * (freedom - 2) / freedom, freedom) for freedom in (3, 6, 400)]
    little, much, more = (over_processes(same, spread) for spread in lent)
    assert much.high == pytest.approx(more.high)
    assert much.high != pytest.approx(little.high)


def test_the_spread_is_pooled_over_cells_whatever_their_level():
    block = [[np.full(5, x) for x in cell] for cell in ([0.0, 2.0], [100.0, 102.0, 104.0], [7.0])]
    assert spread_between(block) == Spread(pytest.approx((2 + 8) / 3), 3)


@pytest.mark.parametrize("block", [[], [[np.ones(5)]], [[np.ones(5)], [np.zeros(5)]]])
def test_single_processes_have_no_spread_to_lend(block):
    assert spread_between(block) == Spread(0.0, 0)


def test_logs_become_ratios():
    assert Interval(0.0, math.log(0.5), math.log(3)).exp() == Interval(1.0, pytest.approx(0.5), pytest.approx(3))


# --- over rounds ------------------------------------------------------------------------------------------------


def test_the_half_interval_shrinks_as_rounds_are_added():
    logs = np.random.default_rng(5).normal(0, 0.02, 4096)
    halves = [half_interval(logs[:count]) for count in (8, 64, 512, 4096)]
    assert all(later < 0.6 * earlier for earlier, later in itertools.pairwise(halves))


def test_the_half_interval_is_that_of_the_median_of_a_normal():
    logs = np.random.default_rng(6).normal(0, 0.02, 1024)
    expected = 1.96 * math.sqrt(math.pi / 2) * 0.02 / math.sqrt(1024)
    assert half_interval(logs) == pytest.approx(expected, rel=0.25)


def test_fewer_than_four_rounds_tell_nothing():
    assert half_interval(np.zeros(3)) == math.inf
    assert half_interval(np.zeros(4)) == 0.0


def test_one_wild_round_does_not_widen_the_half_interval():
    logs = np.random.default_rng(7).normal(0, 0.01, 101)
    calm = half_interval(logs)
    assert half_interval(np.append(logs, 50.0)) < 1.5 * calm


def test_the_same_seed_gives_the_same_half_interval():
    logs = np.random.default_rng(8).normal(0, 1, 20)
    assert half_interval(logs, seed=1) == half_interval(logs, seed=1) != half_interval(logs, seed=2)


# --- proportions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [  # Newcombe (1998), Statist. Med. 17:857, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_published_values(right, total, low, high):
    found = wilson(right, total)
    assert (found.low, found.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))
    assert found.value == right / total


@given(st.integers(1, 5000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_mirrors_and_holds_the_proportion(pair):
    right, total = pair
    found, mirrored = wilson(right, total), wilson(total - right, total)
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1
    assert (1 - mirrored.high, 1 - mirrored.low) == (pytest.approx(found.low), pytest.approx(found.high))


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),  # Newcombe (1998), Statist. Med. 17:2635, method 10
        ((1, 1, 7, 12), -0.507, -0.026),  # Fagerland, Lydersen & Laake (2014), Statist. Med. 33:2850
    ],
)
def test_the_paired_difference_gives_published_intervals(table, low, high):
    found = paired_difference(*table)
    digits = 6e-5 if low == 0.0569 else 6e-4
    assert (found.low, found.high) == (pytest.approx(low, abs=digits), pytest.approx(high, abs=digits))


@given(tables)
def test_swapping_the_two_mirrors_the_difference(table):
    both, first, second, neither = table
    found, mirrored = paired_difference(*table), paired_difference(both, second, first, neither)
    assert found.value == pytest.approx(-mirrored.value)
    assert (found.low, found.high) == (pytest.approx(-mirrored.high), pytest.approx(-mirrored.low))


@given(tables)
def test_the_difference_lies_in_its_interval_which_lies_in_minus_one_to_one(table):
    found = paired_difference(*table)
    assert -1 - 1e-9 <= found.low <= found.value <= found.high <= 1 + 1e-9
    assert found.value == pytest.approx((table[1] - table[2]) / sum(table))


@given(counts, counts.filter(bool))
def test_where_both_are_always_right_together_their_difference_is_nought(both, neither):
    found = paired_difference(both, 0, 0, neither)
    assert found.value == 0
    assert found.low <= 0 <= found.high


def test_more_images_narrow_the_difference():
    widths = [f.high - f.low for f in (paired_difference(80 * n, 6 * n, 4 * n, 10 * n) for n in (1, 4, 16))]
    assert widths[0] > 1.8 * widths[1] > 3.2 * widths[2]


def test_images_that_both_classify_alike_narrow_the_difference():
    """Paired: the same two accuracies differ less surely if the two are wrong on different images."""
    alike, unlike = paired_difference(80, 5, 0, 15), paired_difference(68, 17, 12, 3)
    assert (alike.value, unlike.value) == (pytest.approx(0.05), pytest.approx(0.05))
    assert alike.high - alike.low < 0.7 * (unlike.high - unlike.low)


def test_the_paired_difference_holds_the_truth_in_95_percent_of_draws():
    generator = np.random.default_rng(9)
    shares = np.array([0.80, 0.06, 0.04, 0.10])
    found = [paired_difference(*(int(n) for n in generator.multinomial(200, shares))) for _ in range(1500)]
    assert 0.93 <= np.mean([f.low <= 0.02 <= f.high for f in found]) <= 0.98


def test_the_difference_of_independent_proportions_gives_the_published_interval():
    found = independent_difference(wilson(56, 70), wilson(48, 80))  # Newcombe (1998), Statist. Med. 17:873, table II
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=6e-5), pytest.approx(0.3339, abs=6e-5))


@given(tables)
def test_swapping_independent_proportions_mirrors_their_difference(table):
    one, other = wilson(table[0], sum(table)), wilson(table[1], sum(table))
    found, mirrored = independent_difference(one, other), independent_difference(other, one)
    assert found.low <= found.value <= found.high
    assert (found.low, found.high) == (pytest.approx(-mirrored.high), pytest.approx(-mirrored.low))

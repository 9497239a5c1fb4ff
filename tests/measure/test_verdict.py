import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas.measure.statistics import Interval, StudentInterval, over_processes, spread_between
from dlas.measure.verdict import discoveries, p_value, verdicts


def ratio(value, half):
    return Interval(math.log(value), math.log(value) - half, math.log(value) + half)


@pytest.mark.parametrize(
    ("value", "half", "words"),
    [
        (0.9, 0.01, "faster"),
        (1.1, 0.01, "slower"),
        (1.002, 0.01, "the same within 1.3 %"),
        (1.0, 0.0, "the same within 0 %"),
        (1.01, 0.05, "inconclusive"),
    ],
)
def test_a_single_ratio_is_told_in_words(value, half, words):
    assert verdicts([ratio(value, half)], margin=0.02) == [words]


def test_an_interval_that_just_leaves_one_out_has_a_p_value_of_five_per_cent():
    assert p_value(Interval(0.02, 0.0, 0.04)) == pytest.approx(0.05, abs=1e-6)


def test_what_stands_alone_need_not_stand_among_many():
    alone, among = [ratio(1.02, 0.019)], [ratio(1.02, 0.019), *[ratio(1.0, 0.019)] * 30]
    assert verdicts(alone, 0.01) == ["slower"]
    assert verdicts(among, 0.01)[0] == "inconclusive"


def test_discoveries_are_those_of_the_published_example():
    # Benjamini and Hochberg (1995), section 4.1: fifteen p-values, of which the four smallest stand at 5 %.
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    p_values += [0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
    assert discoveries(p_values) == [True] * 4 + [False] * 11


@given(st.lists(st.floats(0, 1), max_size=40))
def test_a_smaller_p_value_never_stands_less(p_values):
    standing = discoveries(p_values)
    largest = max((p for p, stands in zip(p_values, standing, strict=True) if stands), default=-1)
    assert all(stands == (p <= largest) for p, stands in zip(p_values, standing, strict=True))


def test_a_p_value_is_of_the_distribution_that_made_the_interval():
    # Student's t with 6 degrees of freedom: 95 % within 2.446912, 99.9 % within 5.958816 standard errors.
    interval = StudentInterval(5.958816, 5.958816 - 2.446912, 5.958816 + 2.446912, freedom=6)
    assert p_value(interval) == pytest.approx(0.001, rel=1e-4)
    normal = Interval(3.290527, 3.290527 - 1.959964, 3.290527 + 1.959964)
    assert p_value(normal) == pytest.approx(0.001, rel=1e-4)


@given(st.floats(0.1, 10), st.floats(1, 200))
def test_whoever_made_the_interval_it_leaves_one_out_at_five_per_cent(times, freedom):
    found = p_value(StudentInterval(times, times - 1, times + 1, freedom))
    assert (found < 0.05) == (times > 1) or times == pytest.approx(1)


def families(processes, count=120, cells=40):
    """Intervals of cells that all have the same latency, as the estimator makes them: a family for each study.

    Some code generators place their memory anew in each process and differ more between processes than others do.
    """
    generator = np.random.default_rng(5)
    for _ in range(count):
        spreads = 0.005 * np.exp(generator.normal(0, 0.7, cells))
        medians = generator.normal(0, 1, (processes, cells)) * spreads
        study = [[np.full(4, median) for median in own] for own in medians.T]
        lent = spread_between(study)
        yield [over_processes(cell, lent) for cell in study]


def share_called_different(studies):
    return np.mean([any(words in ("faster", "slower") for words in verdicts(one, margin=0.05)) for one in studies])


@pytest.mark.parametrize("processes", [2, 3])
def test_identical_cells_are_rarely_called_different(processes):
    """Of studies in which all cells are the same, 5 % may call any of them different, however many cells they have."""
    assert share_called_different(families(processes)) < 0.09


def test_read_as_normal_intervals_they_often_would_be():
    forgetful = [[Interval(i.value, i.low, i.high) for i in family] for family in families(processes=3)]
    assert share_called_different(forgetful) > 0.12

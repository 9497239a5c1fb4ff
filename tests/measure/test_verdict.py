import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas.measure.statistics import Interval
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


def test_identical_cells_are_rarely_called_different():
    generator = np.random.default_rng(5)
    called = 0
    for _ in range(300):
        logs = generator.normal(0, 0.01, 12)
        found = verdicts([Interval(x, x - 0.0196, x + 0.0196) for x in logs], margin=0.05)
        called += any(words in ("faster", "slower") for words in found)
    assert called / 300 < 0.09

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dlas.study.sampling import balanced

FACTORS = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@given(FACTORS, st.integers(1, 700), st.integers(0, 3))
def test_a_sample_is_as_large_as_asked_without_a_doubled_cell_and_balanced_to_within_one(levels, count, seed):
    cells = balanced(levels, count, seed)
    assert len(cells) == len(set(cells)) == min(count, math.prod(levels))
    for factor, size in enumerate(levels):
        uses = Counter(cell[factor] for cell in cells)
        numbers = [uses[level] for level in range(size)]
        assert max(numbers) - min(numbers) <= 1


def test_the_seed_decides():
    assert balanced([4, 5, 6], 30, seed=1) == balanced([4, 5, 6], 30, seed=1)
    assert balanced([4, 5, 6], 30, seed=1) != balanced([4, 5, 6], 30, seed=2)

"""A balanced subset of a factorial: every level of a factor equally often, to within one, and no cell twice."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Cell = tuple[int, ...]


def balanced(levels: Sequence[int], count: int, seed: int) -> list[Cell]:
    """At most `count` cells of a factorial with so many levels a factor, as indices of the levels."""
    total = math.prod(levels)
    if 2 * count <= total:
        return _drawn(levels, count, seed)
    # What a balanced subset leaves out of the whole is balanced too, and dense subsets are hard to draw.
    left_out = set(_drawn(levels, max(0, total - count), seed))
    return [cell for cell in itertools.product(*map(range, levels)) if cell not in left_out]


def _drawn(levels: Sequence[int], count: int, seed: int) -> list[Cell]:
    """Balanced columns in random order; doubled rows swap a level with another row until none is left."""
    generator = np.random.default_rng(seed)
    columns = [generator.permutation(np.arange(count) % size) for size in levels]
    rows = np.stack(columns, axis=1).reshape(count, len(levels))
    seen = Counter(map(tuple, rows.tolist()))
    while doubled := [i for i, row in enumerate(rows.tolist()) if seen[tuple(row)] > 1]:
        one, other = int(generator.choice(doubled)), int(generator.integers(count))
        factor = int(generator.integers(len(levels)))
        _swap(rows, seen, one, other, factor)
    return [tuple(row) for row in rows.tolist()]


def _swap(rows: NDArray[np.int64], seen: Counter[Cell], one: int, other: int, factor: int) -> None:
    """Exchange the level of a factor between two rows unless that would double more rows."""
    before = [tuple(rows[i].tolist()) for i in (one, other)]
    seen.subtract(before)
    rows[[one, other], factor] = rows[[other, one], factor]
    after = [tuple(rows[i].tolist()) for i in (one, other)]
    if one != other and all(seen[cell] == 0 for cell in after) and after[0] != after[1]:
        seen.update(after)
        return
    rows[[one, other], factor] = rows[[other, one], factor]
    seen.update(before)

"""The Pareto front of two quantities, and how probable it is that each point lies on it."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dlas.analysis import cells
from dlas.analysis.quantities import Floats, estimates, figures, find
from dlas.errors import CubeError

DRAWS = 1000
_REACH = 4.0  # standard errors: beyond it no draw is expected to bring a dominated point back
_LEAST = 0.005  # probability from which a point that is not on the front is listed
_BATCH = 10**7  # figures drawn at a time
SHOWN = 6  # points that are named in words


def pareto(cube: xr.Dataset, x: str = "latency", y: str = "accuracy", seed: int = 0) -> Any:
    """The cells that no other beats in both quantities: a pandas DataFrame in the order of `x`.

    Columns: the six layers, `cell`, both quantities with their intervals, `on_front` (by the estimates) and
    `probability` (of being on it). That is the share of 1,000 parametric bootstrap draws, normal with the cells' own
    standard errors, all independent, logarithmic for latency and sizes; listed is what is on the front or has 0.5 %.
    """
    if x == y:
        raise CubeError(f"a front needs two quantities; {x} was named twice")
    one, other = estimates(cube, x), estimates(cube, y)
    known = np.flatnonzero(one.known & other.known)
    if not len(known):
        raise CubeError(f"no cell has both {x} and {y}; choose other quantities")
    costs = np.stack([one.costs[known], other.costs[known]])
    errors = np.stack([one.errors[known], other.errors[known]])
    near = np.flatnonzero(_candidates(costs, errors))
    front = _on_front(costs[:, near])
    probability = _probabilities(costs[:, near], errors[:, near], seed)
    listed = np.flatnonzero(front | (probability >= _LEAST))
    listed = listed[np.lexsort((costs[1, near[listed]], costs[0, near[listed]]))]
    frame = cells.table(cube, known[near[listed]])
    frame = frame.assign(**_shown(cube, x, known[near[listed]]), **_shown(cube, y, known[near[listed]]))
    frame = frame.assign(on_front=front[listed], probability=probability[listed])
    frame.attrs = {"x": x, "y": y, "cells": len(known)}
    return frame


def _shown(cube: xr.Dataset, name: str, positions: cells.Positions) -> dict[str, Floats]:
    return {f"{name}{end}": figures(cube, f"{name}{end if f'{name}{end}' in cube else ''}")[positions] for end in _ENDS}


_ENDS = ("", "_low", "_high")


def _on_front(costs: Floats) -> NDArray[np.bool_]:
    """Points (a row for each of two costs) that no other equals in one cost and beats in the other; O(n log n)."""
    order = np.lexsort((costs[1], costs[0]))
    x, y = costs[:, order]
    first = np.concatenate([[True], x[1:] != x[:-1]])
    group = np.cumsum(first) - 1
    least = y[first]  # of each group of equal x, as they are sorted by y within it
    before = np.concatenate([[np.inf], np.minimum.accumulate(least)[:-1]])
    front = np.empty(len(x), bool)
    front[order] = (y == least[group]) & (y < before[group])
    return front


def _candidates(costs: Floats, errors: Floats) -> NDArray[np.bool_]:
    """Points that might be on the front: no other is better in both even if both err by `_REACH` standard errors."""
    pessimistic, optimistic = costs + _REACH * errors, costs - _REACH * errors
    order = np.argsort(pessimistic[0], kind="stable")
    x, best = pessimistic[0, order], np.minimum.accumulate(pessimistic[1, order])
    better = np.searchsorted(x, optimistic[0], side="left") - 1  # the last one surely less in x
    beaten = np.where(better >= 0, best[np.maximum(better, 0)], np.inf)
    possible: NDArray[np.bool_] = optimistic[1] <= beaten
    return possible | _on_front(costs)


def _probabilities(costs: Floats, errors: Floats, seed: int) -> Floats:
    """The share of draws in which each point is on the front."""
    generator = np.random.default_rng(seed)
    count = costs.shape[1]
    hits = np.zeros(count)
    for _ in range(DRAWS):
        hits += _on_front(costs + errors * generator.standard_normal((2, count)))
    return hits / DRAWS


def sentences(result: Any) -> list[str]:
    """The front from end to end, and which of its points are not certain."""
    x, y = find(result.attrs["x"]), find(result.attrs["y"])
    front = result[result["on_front"]].to_dict("records")
    parts = [
        f"{row['cell']} ({', '.join(q.text(*(row[f'{q.name}{end}'] for end in _ENDS)) for q in (x, y))}; "
        f"on it with probability {row['probability']:.2f})"
        for row in front[:SHOWN]
    ]
    more = f"; and {len(front) - SHOWN} more" if len(front) > SHOWN else ""
    said = [f"Front of {x.name} and {y.name}: {len(front)} of {result.attrs['cells']} cells: {'; '.join(parts)}{more}."]
    outside = result[~result["on_front"] & (result["probability"] >= 0.05)].sort_values("probability", ascending=False)
    if len(outside):
        named = [f"{row['cell']} ({row['probability']:.2f})" for row in outside.head(SHOWN).to_dict("records")]
        said.append(f"Not on it by the estimates, but perhaps: {', '.join(named)}.")
    return said

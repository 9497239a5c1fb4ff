"""The Pareto front of two quantities, and how probable it is that each point lies on it."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dlas.analysis import cells
from dlas.analysis.quantities import Floats, estimates, find, flat
from dlas.errors import CubeError

DRAWS = 1000
_REACH = 2.5  # standard errors of both points: one draw in two thousand brings a point dominated beyond it back
_SOME = 10_000  # points among which the first rivals are looked for
_LEAST = 0.005  # probability from which a point that is not on the front is listed
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
    ends = {end: end if f"{name}{end}" in cube else "" for end in _ENDS}
    return {f"{name}{end}": flat(cube, f"{name}{use}")[positions] for end, use in ends.items()}


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
    """Points that might be on the front: no other beats them in all but a few draws."""
    low, high = costs - _REACH * errors, costs + _REACH * errors
    # What some of the points beat is left out before all are sorted: what beats those beats them too.
    some = high[:, :: max(1, high.shape[1] // _SOME)]
    left = np.flatnonzero(_unbeaten(low, some[:, _on_front(some)]))
    near = left[_unbeaten(low[:, left], high[:, left])]
    possible = np.zeros(costs.shape[1], bool)
    possible[near] = _chance(costs[:, near], errors[:, near]) >= _LEAST
    return possible


def _chance(costs: Floats, errors: Floats) -> Floats:
    """The probability that the likeliest rival on the front does not beat a point: a bound of being on it."""
    from scipy.special import ndtr

    chance = np.ones(costs.shape[1])
    for rival in np.flatnonzero(_on_front(costs)):
        with np.errstate(divide="ignore", invalid="ignore"):
            ahead = (costs - costs[:, [rival]]) / np.hypot(errors, errors[:, [rival]])
        beaten = np.nan_to_num(ndtr(ahead), nan=0.0).prod(axis=0)  # 0/0: the same exact figure
        chance = np.minimum(chance, 1 - beaten)
    return chance


def _unbeaten(costs: Floats, rivals: Floats) -> NDArray[np.bool_]:
    """Points that no rival beats in both costs."""
    order = np.argsort(rivals[0])
    least = np.concatenate([[np.inf], np.minimum.accumulate(rivals[1, order])])
    found: NDArray[np.bool_] = costs[1] <= least[np.searchsorted(rivals[0, order], costs[0])]
    return found


def _probabilities(costs: Floats, errors: Floats, seed: int) -> Floats:
    """The share of draws in which each point is on the front."""
    generator = np.random.default_rng(seed)
    front = np.flatnonzero(_on_front(costs))  # what these beat in a draw need not be sorted
    hits = np.zeros(costs.shape[1])
    for _ in range(DRAWS):
        drawn = costs + errors * generator.standard_normal(costs.shape)
        left = np.flatnonzero(_unbeaten(drawn, drawn[:, front]))
        hits[left[_on_front(drawn[:, left])]] += 1
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

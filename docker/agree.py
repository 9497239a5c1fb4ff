"""Whether a study came out in a container as it did outside: the same accuracies, latencies within their intervals.

python docker/agree.py OUTSIDE.nc INSIDE.nc
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from dlas import api
from dlas.analysis.cells import baseline
from dlas.analysis.compare import Change, compare
from dlas.cube import frame, label
from dlas.measure.statistics import Interval, independent_difference
from dlas.measure.verdict import discoveries, p_value
from dlas.option import LAYERS

MEASURED = {"ok", "unstable"}  # a busy machine makes one of the other; then latencies are not compared
CALLED = "codegen=torch"  # small networks take it as long as Python takes to call it: another Python, another latency


def disagreements(outside: xr.Dataset, inside: xr.Dataset) -> list[str]:
    """A sentence for each cell whose accuracy differs at all, or whose latency differs beyond its interval."""
    changes, _ = _changes(outside, inside)
    return [*(sentence for change in changes for sentence in _of(change)), *_by_ratio(changes, outside, inside)]


def _changes(outside: xr.Dataset, inside: xr.Dataset) -> tuple[list[Change], list[Change]]:
    """The cells of both, and beside them those whose latencies say nothing, since Python is another."""
    changes = compare(outside, inside).changes
    if len(set(_pythons(outside, inside))) == 1:
        return list(changes), []
    called = [change for change in changes if CALLED in change.cell.split() and _timed(change)]
    untimed = [replace(change, latency=None, statuses=("", "")) for change in called]
    return [change for change in changes if change not in called] + untimed, called


def _pythons(*cubes: xr.Dataset) -> list[str]:
    return [json.loads(cube.attrs["environment"]).get("python", "") for cube in cubes]


def _of(change: Change) -> list[str]:
    found = []
    if change.accuracy and change.accuracy.value:
        found.append(f"{change.cell}: accuracy differs by {100 * change.accuracy.value:+.2f} pp")
    if change.latency and change.latency_stands and _timed(change):
        found.append(f"{change.cell}: {change.latency.value:.3f} times the latency")
    if change.statuses[0] != change.statuses[1] and not MEASURED.issuperset(change.statuses):
        found.append(f"{change.cell}: {change.statuses[0]} outside, {change.statuses[1]} inside")
    return found


def _timed(change: Change) -> bool:
    return change.statuses == ("ok", "ok")


def _by_ratio(changes: Sequence[Change], outside: xr.Dataset, inside: xr.Dataset) -> list[str]:
    """The same for cells timed by other clocks, by their ratios to the baseline: no ratio mixes clocks."""
    cells = [change.cell for change in changes if _timed(change) and not change.latency]
    ratios = [{cell: row for cell, row in _ratios(cube).items() if cell in cells} for cube in (outside, inside)]
    unknown = [cell for cell in cells if any(np.isnan(side[cell].value) for side in ratios)]
    logs = {cell: independent_difference(ratios[1][cell], ratios[0][cell]) for cell in cells if cell not in unknown}
    standing = discoveries([p_value(found) for found in logs.values()])
    return [
        *(f"{cell}: neither latency nor ratio to the baseline can be compared" for cell in unknown),
        *(
            f"{cell}: {found.exp().value:.3f} times the ratio to the baseline"
            for (cell, found), stands in zip(logs.items(), standing, strict=True)
            if stands
        ),
    ]


def _ratios(cube: xr.Dataset) -> Mapping[str, Interval]:
    """Logarithm of each cell's ratio to the baseline."""
    rows: list[dict[str, Any]] = frame(cube).to_dict("records")
    ends = [f"relative_latency{end}" for end in ("", "_low", "_high")]
    names = [label({layer: row[layer] for layer in LAYERS}, baseline(cube)) for row in rows]
    return {name: Interval(*np.log([row[end] for end in ends])) for name, row in zip(names, rows, strict=True)}


def agreement(outside: xr.Dataset, inside: xr.Dataset) -> str:
    """What was compared, where nothing disagrees."""
    found, called = _changes(outside, inside)
    changes = [change for change in found if _timed(change)]
    otherwise = sum(not change.latency for change in changes)
    clocks = f" ({otherwise} timed by other clocks: their ratios to the baseline)" if otherwise else ""
    told = f"the container agrees: accuracies are equal, of {len(changes)} latencies{clocks} none differs beyond noise"
    pythons = " and ".join(_pythons(outside, inside))
    return f"{told}; {len(called)} of PyTorch are not compared, between Python {pythons}" if called else told


if __name__ == "__main__":
    cubes = [api.open_cube(path) for path in sys.argv[1:]]
    found = disagreements(*cubes)
    print("\n".join(found) or agreement(*cubes))
    sys.exit(bool(found))

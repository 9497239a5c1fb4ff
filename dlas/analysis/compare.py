"""Two cubes of the same cells: what changed beyond noise, before and after, on two hosts, or of two versions.

The two were measured in different sessions, so nothing is paired: log-ratios subtract and variances add. What both
sessions' hosts did to every cell alike (another load, another clock rate) is taken out by the reference kernel where
its figures are given; else it cannot be told apart from a slower machine, and that is said.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from dlas.analysis.tails import degrees_of_freedom
from dlas.cube import frame, label
from dlas.errors import CubeError
from dlas.host import revive
from dlas.measure.statistics import Interval, StudentInterval, independent_difference
from dlas.measure.verdict import discoveries, p_value
from dlas.option import LAYERS

SIZE = 0.01  # an executable also holds names and dates; a smaller change of its size is none


@dataclass(frozen=True)
class Change:
    """One cell in both cubes, after against before.

    `latency` is the ratio, `accuracy` the difference as a share, `size` the ratio; None where a side has no figure
    or the clocks differ. The flags say whether the change stands among all comparisons.
    """

    cell: str
    statuses: tuple[str, str]
    reason: str
    latency: Interval | None
    accuracy: Interval | None
    size: float | None
    latency_stands: bool = False
    accuracy_stands: bool = False

    @property
    def resized(self) -> bool:
        """Whether the executable's size changed by more than names and dates do."""
        return self.size is not None and abs(math.log(self.size)) > math.log1p(SIZE)


@dataclass(frozen=True)
class Comparison:
    """All changes; the ratio that all cells share; the reference kernel's ratio that was taken out, if known."""

    changes: tuple[Change, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    common: Interval | None
    kernel: Interval | None
    hosts: tuple[str, str]
    same_host: bool


def compare(before: xr.Dataset, after: xr.Dataset, kernels: tuple[Interval, Interval] | None = None) -> Comparison:
    """What changed between two cubes; raises CubeError where they share no cell.

    `kernels` are the log seconds of the reference kernel in both; they count only where both are of one host.
    False discoveries are kept at 5 % over all latencies and accuracies (Benjamini and Hochberg, 1995).
    """
    places = _places(before), _places(after)
    same_host = all(places[0][at] == places[1][at] for at in places[0].keys() & places[1].keys())
    alone = same_host and len(places[0]) == len(places[1]) == 1  # the kernels are those of one host
    drift = independent_difference(kernels[1], kernels[0]) if kernels and alone else None
    rows, others = _rows(before), _rows(after)
    shared = [stack for stack in rows if stack in others]
    if not shared:
        raise CubeError("the two cubes share no cell; compare cubes of the same study")
    baseline = json.loads(before.attrs["baseline"])
    found = [_change(label(rows[stack], baseline), rows[stack], others[stack], drift) for stack in shared]
    return Comparison(
        tuple(_judged(found, min(degrees_of_freedom(cube, "latency") for cube in (before, after)))),
        _names([row for stack, row in rows.items() if stack not in others], baseline),
        _names([row for stack, row in others.items() if stack not in rows], baseline),
        _common(found, drift),
        drift.exp() if drift else None,
        (_host(before), _host(after)),
        same_host,
    )


Row = Mapping[str, Any]


def _rows(cube: xr.Dataset) -> dict[tuple[str, ...], Row]:
    """The cells of a cube by their stacks."""
    return {tuple(row[layer] for layer in LAYERS): row for row in frame(cube).to_dict("records")}


def _names(rows: Iterable[Row], baseline: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(label(row, baseline) for row in rows)


def _places(cube: xr.Dataset) -> dict[str, str]:
    """The name of each host in a cube, and its fingerprint."""
    hosts = json.loads(cube.attrs["hosts"])
    return {name: revive(facts).fingerprint for name, facts in hosts.items()}


def _host(cube: xr.Dataset) -> str:
    return " and ".join(str(facts["cpu"]) for facts in json.loads(cube.attrs["hosts"]).values())


def _change(cell: str, before: Row, after: Row, drift: Interval | None) -> Change:
    latency = None
    if before["latency"] > 0 and after["latency"] > 0 and before["clock"] == after["clock"]:
        latency = independent_difference(_of(after, "latency").log(), _of(before, "latency").log())
        latency = (independent_difference(latency, drift) if drift else latency).exp()
    accuracy = None
    if not (math.isnan(before["accuracy"]) or math.isnan(after["accuracy"])):
        accuracy = independent_difference(_of(after, "accuracy"), _of(before, "accuracy"))
    size = after["size"] / before["size"] if before["size"] > 0 and after["size"] > 0 else None
    statuses = (str(before["status"]), str(after["status"]))
    return Change(cell, statuses, str(after["reason"]), latency, accuracy, size)


def _of(row: Row, name: str) -> Interval:
    return Interval(*(float(row[f"{name}{end}"]) for end in ("", "_low", "_high")))


def _judged(found: Sequence[Change], freedom: float) -> Iterable[Change]:
    """The changes with what stands among all of them; latencies are known by Student's t of so many degrees."""
    latencies = [change.latency for change in found if change.latency]
    accuracies = [change.accuracy for change in found if change.accuracy]
    logs = [one.log() for one in latencies]
    students = [StudentInterval(one.value, one.low, one.high, freedom) for one in logs]
    standing = iter(discoveries([*map(p_value, students), *map(_towards_nought, accuracies)]))
    timed = [bool(change.latency) and next(standing) for change in found]
    scored = [bool(change.accuracy) and next(standing) for change in found]
    for change, latency, accuracy in zip(found, timed, scored, strict=True):
        yield replace(change, latency_stands=latency, accuracy_stands=accuracy)


def _towards_nought(found: Interval) -> float:
    """The p-value of a difference whose interval is not symmetric: by the end that lies towards nought."""
    half = found.value - found.low if found.value > 0 else found.high - found.value
    return p_value(Interval(found.value, found.value - half, found.value + half))


def _common(found: Sequence[Change], drift: Interval | None) -> Interval | None:
    """The ratio of latencies that all cells share: mean log-ratio by inverse variance; None for fewer than two.

    What was taken out as drift is in every ratio with the same error, which no mean of them makes smaller.
    """
    shared = (drift.high - drift.low) / 2 if drift else 0.0
    logs = [np.log([one.latency.value, one.latency.low, one.latency.high]) for one in found if one.latency]
    if len(logs) < 2:
        return None
    values, halves = np.array([log[0] for log in logs]), np.array([(log[2] - log[1]) / 2 for log in logs])
    weights = 1 / np.maximum(halves**2 - shared**2, 1e-12)
    value, half = float(np.average(values, weights=weights)), math.hypot(float(weights.sum() ** -0.5), shared)
    return Interval(value, value - half, value + half).exp()

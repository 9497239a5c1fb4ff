"""The best cell that keeps the limits, and those that cannot be told apart from it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from dlas.analysis import cells
from dlas.analysis.constraint import Constraint, read_all
from dlas.analysis.quantities import Estimates, Floats, Quantity, Z, change, estimates, figures, find, flat
from dlas.analysis.tails import degrees_of_freedom, reach
from dlas.errors import CubeError
from dlas.measure.statistics import CONFIDENCE
from dlas.option import LAYERS
from dlas.stack import Stack

WITHIN = "accuracy_change >= -1pp"  # of the baseline's accuracy
SHOWN = 3  # runners-up that are named in words
WINNER, RUNNER_UP, BETTER, SAFE = "winner", "runner-up", "better", "safe"


def best(cube: xr.Dataset, objective: str = "latency", subject_to: str | Sequence[str] = WITHIN) -> Any:
    """The best cell by the objective that keeps all limits, and its runners-up: a pandas DataFrame, the winner first.

    Columns: the six layers, `cell`, `role`, the objective with its interval, `ratio` to the winner with its 95 %
    interval (a difference for accuracy), `keeps` (`surely`, or `perhaps` where a limit lies inside the interval). A
    `runner-up` is a cell that perhaps keeps the limits and is not worse than the `winner` by a one-sided test at 5 %
    shared out over all rivals (Bonferroni): winner and runners-up hold the truly best of them with 95 % confidence.
    Those that are `better` by that test only perhaps keep the limits: measuring the objective decides nothing there.
    Where the winner only perhaps keeps the limits, the best that surely does is added as `safe`.
    Raises CubeError if no cell keeps the limits.
    """
    found = estimates(cube, objective)
    limits = read_all(subject_to)
    winner = _winner(cube, found, limits)
    rivals = _all_of(found.known, [limit.possible(cube) for limit in limits])
    surely = _all_of(found.known, [limit.certain(cube) for limit in limits])
    close, better = _not_worse(found, degrees_of_freedom(cube, objective), rivals, winner)
    safe = int(np.where(surely, found.costs, np.inf).argmin())
    added = [safe] if surely.any() and not surely[winner] and safe not in close else []
    others = [i for i in close if i != winner]
    rows = np.array([winner, *others, *added])
    frame = cells.table(cube, rows)
    frame["role"] = [WINNER, *(BETTER if i in better else RUNNER_UP for i in others), *[SAFE] * len(added)]
    frame = frame.assign(**_columns(cube, found, rows, winner), keeps=np.where(surely[rows], "surely", "perhaps"))
    frame.attrs = {"objective": objective, "limits": [limit.text for limit in limits], "rivals": int(rivals.sum())}
    return frame


def _not_worse(found: Estimates, freedom: float, rivals: Any, winner: int) -> tuple[cells.Positions, set[int]]:
    """The rivals that may be as good as the winner, the best first; and which of them are surely better."""
    far = reach(1 - (1 - CONFIDENCE) / max(1, int(rivals.sum()) - 1), freedom)
    difference = found.costs - found.costs[winner]
    with np.errstate(invalid="ignore"):
        error = far * np.hypot(found.errors, found.errors[winner])
        close = np.flatnonzero(rivals & (difference <= error))
    better = close[difference[close] < -error[close]]
    return close[np.argsort(difference[close], kind="stable")], set(better.tolist())


def _winner(cube: xr.Dataset, found: Estimates, limits: Sequence[Constraint]) -> int:
    if not found.known.any():
        raise CubeError(f"no cell has a figure for {found.quantity.name}; choose another objective")
    kept = _all_of(found.known, [limit.kept(cube) for limit in limits])
    if not kept.any():
        unknown = [limit.variable for limit in limits if not np.isfinite(figures(cube, limit.variable)).any()]
        why = f"no cell has a figure for {unknown[0]}" if unknown else "no measured cell keeps all limits"
        raise CubeError(f"{why} ({', '.join(limit.text for limit in limits)}); give other limits, or `none`")
    return int(np.where(kept, found.costs, np.inf).argmin())


def _all_of(known: Any, kept: Sequence[Any]) -> Any:
    return np.logical_and.reduce([known, *kept])


def _columns(cube: xr.Dataset, found: Estimates, rows: cells.Positions, winner: int) -> dict[str, Floats]:
    name = found.quantity.name
    ends = [end if f"{name}{end}" in cube else "" for end in ("", "_low", "_high")]
    own = {f"{name}{end}": flat(cube, f"{name}{use}")[rows] for end, use in zip(_ENDS, ends, strict=True)}
    difference = found.values[rows] - found.values[winner]
    half = Z * np.where(rows == winner, 0.0, np.hypot(found.errors[rows], found.errors[winner]))
    scale = np.exp if found.quantity.logarithmic else np.asarray
    ratios = zip(_ENDS, (difference, difference - half, difference + half), strict=True)
    return own | {f"ratio{end}": scale(values) for end, values in ratios}


_ENDS = ("", "_low", "_high")


def stack(result: Any) -> Stack:
    """The winner as a stack that can be run again; raises OptionError if an option of it is not installed here."""
    return Stack(**{layer: result[layer].iloc[0] for layer in LAYERS})


def sentences(result: Any) -> list[str]:
    """The winner as a stack, how certain it is, and who else it might be."""
    asked, quantity = result.attrs, find(result.attrs["objective"])
    first = result.iloc[0]
    own = quantity.text(*(first[f"{quantity.name}{end}"] for end in _ENDS))
    where = f" with {' and '.join(asked['limits'])}" if asked["limits"] else ""
    whole = " ".join(f"{layer}={first[layer]}" for layer in LAYERS)
    said = [f"Best by {quantity.name}{where}: {first['cell']}, {own}. The whole stack: {whole}."]
    if first["keeps"] != "surely":
        said.append(_unsure(result[result["keeps"] == "surely"], quantity))
    better = result[result["role"] == BETTER]
    if len(better):
        said.append(f"Surely better, but perhaps beyond the limits: {_named(better, quantity)}.")
    others = result[result["role"] == RUNNER_UP]
    if others.empty and better.empty:
        return [*said, f"No other of {asked['rivals']} cells that may keep the limits is as good, at 95 % confidence."]
    if others.empty:
        return said
    return [*said, f"The winner is not certain; it cannot be told apart from {_named(others, quantity)}."]


def _named(rivals: Any, quantity: Quantity) -> str:
    named = [_rival(row, quantity) for row in rivals.head(SHOWN).to_dict("records")]
    return "; ".join(named) + (f" and {len(rivals) - SHOWN} more" if len(rivals) > SHOWN else "")


def _unsure(safe: Any, quantity: Quantity) -> str:
    said = "Whether it keeps the limits is not certain, they lie inside its 95 % interval"
    if safe.empty:
        return f"{said}; no cell surely keeps them."
    return f"{said}; the best that surely does: {_rival(safe.to_dict('records')[0], quantity)}."


def _rival(row: dict[str, Any], quantity: Quantity) -> str:
    far = change(quantity, *(row[f"ratio{end}"] for end in _ENDS))
    return f"{row['cell']} ({far}{', perhaps beyond the limit' if row['keeps'] == 'perhaps' else ''})"

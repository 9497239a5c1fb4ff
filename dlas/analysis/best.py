"""The best cell that keeps the limits, and those that cannot be told apart from it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from dlas.analysis import cells
from dlas.analysis.constraint import Constraint, read_all
from dlas.analysis.quantities import Estimates, Floats, Quantity, Z, change, estimates, figures, find
from dlas.errors import CubeError
from dlas.measure.statistics import CONFIDENCE, normal_quantile
from dlas.option import LAYERS
from dlas.stack import Stack

WITHIN = "accuracy_change >= -1pp"  # of the baseline's accuracy
SHOWN = 3  # runners-up that are named in words


def best(cube: xr.Dataset, objective: str = "latency", subject_to: str | Sequence[str] = WITHIN) -> Any:
    """The best cell by the objective that keeps all limits, and its runners-up: a pandas DataFrame, the winner first.

    Columns: the six layers, `cell`, the objective with its interval, `ratio` to the winner with its 95 % interval (a
    difference for accuracy), `keeps` (`surely`, or `perhaps` where a limit lies inside the interval). The rows hold
    the truly best with 95 % confidence: one is left out only if it is worse than the winner by a one-sided test at
    5 % shared out over all rivals (Bonferroni). Raises CubeError if no cell keeps the limits.
    """
    found = estimates(cube, objective)
    limits = read_all(subject_to)
    winner = _winner(cube, found, limits)
    rivals = _all_of(found.known, [limit.possible(cube) for limit in limits])
    difference = found.costs - found.costs[winner]
    error = np.hypot(found.errors, found.errors[winner])
    critical = normal_quantile(1 - (1 - CONFIDENCE) / max(1, int(rivals.sum()) - 1))
    with np.errstate(invalid="ignore"):
        close = np.flatnonzero(rivals & (difference <= critical * error))
    rows = np.array([winner, *(i for i in close[np.argsort(difference[close])] if i != winner)])
    frame = cells.table(cube, rows)
    frame = frame.assign(**_columns(cube, found, rows, winner))
    surely = _all_of(found.known, [limit.certain(cube) for limit in limits])
    frame["keeps"] = np.where(surely[rows], "surely", "perhaps")
    frame.attrs = {"objective": objective, "limits": [limit.text for limit in limits], "rivals": int(rivals.sum())}
    return frame


def _winner(cube: xr.Dataset, found: Estimates, limits: Sequence[Constraint]) -> int:
    if not found.known.any():
        raise CubeError(f"no cell has a figure for {found.quantity.name}; choose another objective")
    kept = _all_of(found.known, [limit.kept(cube) for limit in limits])
    if not kept.any():
        unknown = [limit.variable for limit in limits if not np.isfinite(figures(cube, limit.variable)).any()]
        why = f"no cell has a figure for {unknown[0]}" if unknown else "no measured cell keeps all limits"
        raise CubeError(f"{why} ({', '.join(limit.text for limit in limits)}); give other limits, or none")
    return int(np.where(kept, found.costs, np.inf).argmin())


def _all_of(known: Any, kept: Sequence[Any]) -> Any:
    return np.logical_and.reduce([known, *kept])


def _columns(cube: xr.Dataset, found: Estimates, rows: cells.Positions, winner: int) -> dict[str, Floats]:
    name = found.quantity.name
    ends = [end if f"{name}{end}" in cube else "" for end in ("", "_low", "_high")]
    own = {f"{name}{end}": figures(cube, f"{name}{use}")[rows] for end, use in zip(_ENDS, ends, strict=True)}
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
        said.append("Whether it keeps the limit is not certain: the limit lies inside its 95 % interval.")
    others = result.iloc[1:]
    if others.empty:
        return [*said, f"The winner is certain at 95 % among {asked['rivals']} cells."]
    named = [_rival(row, quantity) for row in others.head(SHOWN).to_dict("records")]
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    return [*said, f"The winner is not certain; it cannot be told apart from {'; '.join(named)}{more}."]


def _rival(row: dict[str, Any], quantity: Quantity) -> str:
    far = change(quantity, *(row[f"ratio{end}"] for end in _ENDS))
    return f"{row['cell']} ({far}{', perhaps beyond the limit' if row['keeps'] == 'perhaps' else ''})"

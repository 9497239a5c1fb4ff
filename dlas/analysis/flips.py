"""Where the best option of one layer changes with another, and the pairs of cells that prove it.

One hypothesis for two options of the other layer and one combination of the rest: no two options change their order.
Its p-value is the larger of two one-sided ones, since both orders must be shown (Berger 1982,
doi 10.1080/00401706.1982.10487790), times the number of ordered pairs among which the best were picked (Bonferroni);
over all hypotheses the false discovery rate is kept at 5 %.
"""

from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dlas.analysis import cells
from dlas.analysis.quantities import Floats, Quantity, Z, change, estimates, find
from dlas.analysis.tails import degrees_of_freedom, one_sided
from dlas.errors import CubeError
from dlas.measure.verdict import discoveries
from dlas.option import LAYERS

Integers = NDArray[np.intp]
SHOWN = 5  # flips that are told in words


@dataclass(frozen=True)
class _Sheet:
    """Costs and errors as (option of the layer, option of the other, combination of the rest), and where they lie.

    `freedom` are the degrees of freedom of Student's t that the errors are of.
    """

    costs: Floats
    errors: Floats
    freedom: float
    positions: Integers


@dataclass(frozen=True)
class _Compared:
    """A row for each hypothesis: two options of the other layer, a combination of the rest, the best option in each."""

    where: Integers
    otherwise: Integers
    context: Integers
    best: Integers
    best_otherwise: Integers
    p_value: Floats


def rank_flips(cube: xr.Dataset, layer: str, across: str, of: str = "latency") -> Any:
    """Where the best option of `layer` changes with `across`: a pandas DataFrame, a row for each change seen.

    With `across` at `where` the best is `best`, by the ratio `gain` over `best_otherwise`; with `across` at `otherwise`
    it is the other way round, by `gain_otherwise`; both gains with 95 % intervals (differences for accuracy).
    `better`, `worse`, `better_otherwise`, `worse_otherwise` name the four cells. `stands` tells which changes are no
    chance at a false discovery rate of 5 %; `attrs` hold what was asked and the number of hypotheses (`compared`).
    """
    for name in (layer, across):
        cells.checked(cube, name)
    if layer == across:
        raise CubeError(f"the best option of {layer} can change with another layer only; name two layers")
    sheet = _sheet(cube, layer, across, of)
    found = _compared(sheet)
    stands = np.array(discoveries(found.p_value.tolist()), bool)
    seen = np.flatnonzero(found.best != found.best_otherwise)
    flips = _Compared(*(getattr(found, field.name)[seen] for field in fields(found)))
    frame = _options(cube, layer, across, flips)
    frame = frame.assign(**_evidence(cube, sheet, flips, find(of)), p_value=flips.p_value, stands=stands[seen])
    frame.attrs = {"layer": layer, "across": across, "quantity": of, "compared": len(found.p_value)}
    return frame


def _sheet(cube: xr.Dataset, layer: str, across: str, of: str) -> _Sheet:
    found = estimates(cube, of)
    sizes = [cube.sizes[name] for name in LAYERS]
    axes = [LAYERS.index(layer), LAYERS.index(across)]

    def folded(values: NDArray[Any]) -> NDArray[Any]:
        moved = np.moveaxis(values.reshape(sizes), axes, (0, 1))
        return moved.reshape(sizes[axes[0]], sizes[axes[1]], -1)

    places = folded(np.arange(len(found.values)))
    return _Sheet(folded(found.costs), folded(found.errors), degrees_of_freedom(cube, of), places)


def _compared(sheet: _Sheet) -> _Compared:
    """All hypotheses that two options or more can decide."""
    parts = [_pair(sheet, j, k) for j, k in combinations(range(sheet.costs.shape[1]), 2)]
    return _Compared(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(_Compared)))


def _pair(sheet: _Sheet, j: int, k: int) -> _Compared:
    """The hypotheses of two options of the other layer, over all combinations of the rest at once."""
    known = np.isfinite(sheet.costs[:, j]) & np.isfinite(sheet.costs[:, k])
    context = np.flatnonzero(known.sum(axis=0) > 1)
    count = known.sum(axis=0)[context]
    best, other = (np.where(known, sheet.costs[:, i], np.inf).argmin(axis=0)[context] for i in (j, k))
    order, reverse = _difference(sheet, j, best, other, context), _difference(sheet, k, other, best, context)
    larger = np.maximum(one_sided(*order, sheet.freedom), one_sided(*reverse, sheet.freedom))
    p_values = np.where(best == other, 1.0, np.minimum(1.0, larger * count * (count - 1)))
    return _Compared(np.full_like(context, j), np.full_like(context, k), context, best, other, p_values)


def _difference(sheet: _Sheet, at: Any, best: Integers, other: Integers, context: Integers) -> tuple[Floats, Floats]:
    """How much more `other` costs than `best`, with its standard error (independent: variances add)."""
    difference = sheet.costs[other, at, context] - sheet.costs[best, at, context]
    return difference, np.hypot(sheet.errors[other, at, context], sheet.errors[best, at, context])


# --- rows -------------------------------------------------------------------------------------------------------


def _options(cube: xr.Dataset, layer: str, across: str, flips: _Compared) -> Any:
    import pandas

    own, other = (cube[name].values.astype(object) for name in (layer, across))
    columns = {"where": other[flips.where], "best": own[flips.best]}
    columns |= {"otherwise": other[flips.otherwise], "best_otherwise": own[flips.best_otherwise]}
    return pandas.DataFrame({"layer": layer, "across": across, **columns})


def _evidence(cube: xr.Dataset, sheet: _Sheet, flips: _Compared, quantity: Quantity) -> dict[str, Any]:
    """The gains with intervals, and the names of the cells."""
    found: dict[str, Any] = {}
    sides = (
        ("", flips.where, flips.best, flips.best_otherwise),
        ("_otherwise", flips.otherwise, flips.best_otherwise, flips.best),
    )
    for end, at, best, other in sides:
        gain, error = _difference(sheet, at, best, other, flips.context)
        scale = np.exp if quantity.logarithmic else np.asarray
        ends = {"": gain, "_low": gain - Z * error, "_high": gain + Z * error}
        found |= {f"gain{end}{name}": scale(values) for name, values in ends.items()}
        for name, option in (("better", best), ("worse", other)):
            found[f"{name}{end}"] = cells.names(cube, sheet.positions[option, at, flips.context])
    return found


# --- words ------------------------------------------------------------------------------------------------------


def sentences(result: Any) -> list[str]:
    """Which option is best where; each change once, with its strongest evidence."""
    asked = result.attrs
    best = f"the best {asked['layer']} by {asked['quantity']}"
    if not asked["compared"]:
        return [
            f"Whether {best} changes with {asked['across']} cannot be told: no two options of {asked['layer']} were "
            f"measured with the same two of {asked['across']}."
        ]
    standing = result[result["stands"]]
    if standing.empty:
        return [
            f"{best[:1].upper()}{best[1:]} does not visibly change with {asked['across']} "
            f"(comparisons: {asked['compared']}; false discovery rate 5 %)."
        ]
    weaker = standing[["gain", "gain_otherwise"]].min(axis=1)
    standing = standing.assign(weaker=weaker).sort_values("weaker", ascending=False)
    kinds = standing.groupby(["where", "best", "otherwise", "best_otherwise"], sort=False)
    told = [_sentence(rows.iloc[0], len(rows), asked) for _, rows in kinds]
    more = [f"… and {len(told) - SHOWN} more changes of the best {asked['layer']}."] if len(told) > SHOWN else []
    return [*_headline(standing, asked), *told[:SHOWN], *more]


def _headline(standing: Any, asked: Any) -> list[str]:
    """`direct is best by latency with model=a, packed with model=b, c`; only where it is the same everywhere."""
    best: dict[str, set[str]] = {}
    for at, option in (("where", "best"), ("otherwise", "best_otherwise")):
        for place, name in zip(standing[at], standing[option], strict=True):
            best.setdefault(place, set()).add(name)
    if any(len(options) > 1 for options in best.values()):
        return []
    by_option: dict[str, list[str]] = {}
    for place, (option,) in best.items():
        by_option.setdefault(option, []).append(place)
    parts = [f"{option} with {asked['across']}={', '.join(places)}" for option, places in by_option.items()]
    return [f"Best {asked['layer']} by {asked['quantity']}: {'; '.join(parts)}."]


def _sentence(row: Any, count: int, asked: Any) -> str:
    def gain(end: str) -> str:
        return change(find(asked["quantity"]), *(row[f"gain{end}{name}"] for name in ("", "_low", "_high")))

    often = f" (in {count} combinations of the other layers; the clearest)" if count > 1 else ""
    return (
        f"{row['best']} beats {row['best_otherwise']} by {gain('')} with {asked['across']}={row['where']}, "
        f"but loses by {gain('_otherwise')} with {asked['across']}={row['otherwise']}{often}."
    )

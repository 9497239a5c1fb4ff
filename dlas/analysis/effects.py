"""What matters: how much of the variance each layer and each pair of layers explains.

Type II sums of squares (Langsrud 2003, doi 10.1023/A:1023260610025): a term is adjusted for every other that does not
contain it. A share is what a term explains beyond what the measured errors alone would, over the observed variance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from dlas.analysis import cells
from dlas.analysis.leastsquares import Equations, Fit, Term, equations, fit, terms_of
from dlas.analysis.quantities import Estimates, Floats, Z, estimates, percent
from dlas.errors import CubeError
from dlas.option import LAYERS

QUANTITIES = ("latency", "accuracy", "size")
PAIR = " × "
HIGHER, NOISE = "more than two layers", "noise"
_ENDS = ("", "_low", "_high")
SHOWN = 4  # terms that are told in words
_TELLING = 0.001  # share from which a term is told
_NORMAL = 1e4  # chi-squared value from which it is as good as normal
_NEGLIGIBLE = 1e-12  # of the sum of squares: rounding


def effects(cube: xr.Dataset, of: Sequence[str] = QUANTITIES) -> Any:
    """Variance explained by each layer and each pair, largest first: a pandas DataFrame, a row for each term.

    Columns: `quantity`, `term`, `degrees` (of freedom), `sum_of_squares`, `share` with its 95 % interval, `estimable`.
    Latency and sizes are taken as logarithms. Quantities that no cell has, or that are the same in all, have no rows.
    Raises CubeError where nothing varies.
    """
    import pandas

    rows = [row for name in of for row in _of(cube, estimates(cube, name))]
    if not rows:
        raise CubeError("no layer varies among the cells that ended well; effects need two options or more")
    return pandas.DataFrame(rows)


def _of(cube: xr.Dataset, found: Estimates) -> list[dict[str, Any]]:
    """The rows of one quantity: its terms, the largest share first, then what is left."""
    positions = np.flatnonzero(found.known)
    varied = cells.varying(cube, positions)
    values, errors = found.values[positions], found.errors[positions]
    seen = _Seen(values - values.mean(), errors) if len(values) else _Seen(values, errors)
    if seen.total <= _NEGLIGIBLE * len(values):
        return []
    columns = cells.codes(cube, positions)[:, [LAYERS.index(layer) for layer in varied]]
    system = equations(columns, [cube.sizes[layer] for layer in varied], values)
    terms = terms_of(range(len(varied)))
    full = fit(system, terms)
    rows = [_row(PAIR.join(varied[f] for f in term), _own(system, terms, term, full), seen) for term in terms]
    rows.sort(key=lambda row: -row["share"] if row["estimable"] else 0.0)
    if len(values) > full.rank:
        rows.append(_row(HIGHER, Fit(seen.deviations, seen.total, len(values)).beyond(full), seen))
    rows.append(_noise(seen))
    return [{"quantity": found.quantity.name, **row} for row in rows]


@dataclass(frozen=True)
class _Seen:
    """The cells' values less their mean, and their standard errors."""

    deviations: Floats
    errors: Floats

    @property
    def total(self) -> float:
        """Sum of squares about the mean."""
        return float(self.deviations @ self.deviations)

    @property
    def noise(self) -> float:
        """Mean variance of the errors."""
        return float((self.errors**2).mean())


def _own(system: Equations, terms: Sequence[Term], term: Term, full: Fit) -> Fit:
    """What a term adds to the model of all terms that do not contain it."""
    without = [other for other in terms if not set(term) <= set(other)]
    return (full if len(term) > 1 else fit(system, [*without, term])).beyond(fit(system, without))


def _row(term: str, own: Fit, seen: _Seen) -> dict[str, Any]:
    """The share, less what errors alone would explain, with its interval."""
    if own.rank == 0:
        nothing = dict.fromkeys(("sum_of_squares", "share", "share_low", "share_high"), math.nan)
        return {"term": term, "degrees": 0, **nothing, "estimable": False}
    low, high = _interval(own, seen)
    share = min(1.0, max(0.0, own.explained - own.rank * seen.noise) / seen.total)
    ends = {"share_low": min(low, share), "share_high": max(high, share)}
    figures = {"sum_of_squares": own.explained, "share": share, **ends}
    return {"term": term, "degrees": own.rank, **figures, "estimable": True}


def _interval(own: Fit, seen: _Seen) -> tuple[float, float]:
    """95 % interval of a share: the sum of squares over the variance of an error is noncentral chi-squared.

    That variance is the one with which the cells' own errors move the share to first order (delta method), the
    movement of the total included, less what errors add to this very estimate of it. First order says too little
    where errors make up much of the total: by that share of it the mean variance of the errors is the least.
    """
    share, freedom = own.explained / seen.total, len(seen.errors) - 1
    moved = seen.errors * (own.fitted - share * seen.deviations)
    added = seen.noise**2 * (share**2 * freedom - 2 * share * own.rank)
    variance = max(float(moved @ moved) - added, 0.0) / own.explained if own.explained > 0 else seen.noise
    variance = max(variance, seen.noise * min(1.0, freedom * seen.noise / seen.total))
    if variance <= _NEGLIGIBLE * seen.total:
        return share, share
    ends = (_noncentrality(own.explained / variance, own.rank, side) for side in (Z, -Z))
    low, high = (min(1.0, end * variance / seen.total) for end in ends)
    return low, high


def _noncentrality(x: float, degrees: int, z: float) -> float:
    """The noncentrality for which so large a chi-squared value lies so many standard errors above what is expected."""
    from scipy.special import chndtr, chndtrinc, ndtr

    if x > _NORMAL:
        return max(0.0, x - degrees - 2 * z * math.sqrt(x))
    probability = float(ndtr(z))
    return float(chndtrinc(x, degrees, probability)) if chndtr(x, degrees, 0) > probability else 0.0


def _noise(seen: _Seen) -> dict[str, Any]:
    """What the cells' own intervals say that errors contribute."""
    degrees = len(seen.errors) - 1
    share = min(1.0, degrees * seen.noise / seen.total)
    ends = {"share_low": share, "share_high": share}
    figures = {"sum_of_squares": degrees * seen.noise, "share": share, **ends}
    return {"term": NOISE, "degrees": degrees, **figures, "estimable": True}


def sentences(result: Any) -> list[str]:
    """What matters, one sentence for each quantity; then what these cells cannot tell."""
    said = [_sentence(str(name), rows) for name, rows in result.groupby("quantity", sort=False)]
    pairs = result[result["term"].str.contains(PAIR, regex=False)]
    if len(pairs) and not pairs["estimable"].any():
        said.append(
            "No interaction can be estimated: each cell departs from the baseline in one layer only (a star); "
            "vary two layers together to see one."
        )
    elif not pairs["estimable"].all():
        unknown = ", ".join(dict.fromkeys(pairs["term"][~pairs["estimable"]]))
        said.append(f"Cannot be estimated from these cells: {unknown}.")
    return said


def _sentence(name: str, rows: Any) -> str:
    terms = rows[rows["estimable"] & (rows["term"] != NOISE) & (rows["share_low"] > _TELLING)].head(SHOWN)
    parts = [
        f"{row['term']} explains {percent(*(row[f'share{end}'] for end in _ENDS))}" for row in terms.to_dict("records")
    ]
    noise = float(rows["share"][rows["term"] == NOISE].iloc[0])
    parts = parts or ["nothing stands out from the noise"]
    return f"Of what varies in {name}, {'; '.join(parts)}" + (
        f" (noise {100 * noise:.2g} %)." if 0 < noise < 1 else "."
    )

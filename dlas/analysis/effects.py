"""What matters: how much of the variance each layer and each pair of layers explains.

Type II sums of squares (Langsrud 2003, doi 10.1023/A:1023260610025): a term is adjusted for every other that does not
contain it. A share is what a term explains beyond what the measured errors alone would, over the observed variance.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from dlas.analysis import cells
from dlas.analysis.leastsquares import Equations, Fit, Term, equations, fit, terms_of
from dlas.analysis.quantities import Estimates, Z, estimates, percent
from dlas.errors import CubeError
from dlas.option import LAYERS

QUANTITIES = ("latency", "accuracy", "size")
PAIR = " × "
HIGHER, NOISE = "more than two layers", "noise"
_ENDS = ("", "_low", "_high")
SHOWN = 4  # terms that are told in words
_TELLING = 0.001  # share from which a term is told
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
    total = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
    if total <= _NEGLIGIBLE * len(values):
        return []
    columns = cells.codes(cube, positions)[:, [LAYERS.index(layer) for layer in varied]]
    system = equations(columns, [cube.sizes[layer] for layer in varied], values)
    noise = float((errors**2).mean())
    terms = terms_of(range(len(varied)))
    full = fit(system, terms)
    rows = [_row(PAIR.join(varied[f] for f in term), _own(system, terms, term, full), total, noise) for term in terms]
    rows.sort(key=lambda row: -row["share"] if row["estimable"] else 0.0)
    if len(values) > full.rank:
        rows.append(_row(HIGHER, Fit(total - full.explained, len(values) - full.rank), total, noise))
    rows.append(_noise(noise, len(values), total))
    return [{"quantity": found.quantity.name, **row} for row in rows]


def _own(system: Equations, terms: Sequence[Term], term: Term, full: Fit) -> Fit:
    """What a term adds to the model of all terms that do not contain it."""
    without = [other for other in terms if not set(term) <= set(other)]
    small = fit(system, without)
    large = full if len(term) > 1 else fit(system, [*without, term])
    return Fit(large.explained - small.explained, large.rank - small.rank)


def _row(term: str, own: Fit, total: float, noise: float) -> dict[str, Any]:
    """The share, less what errors alone would explain; its error by the delta method, second order for small ones.

    For errors of equal variance s², the projection y'Py on d dimensions has variance 4 s² µ'Pµ + 2 d s⁴.
    """
    if own.rank == 0:
        nothing = dict.fromkeys(("sum_of_squares", "share", "share_low", "share_high"), math.nan)
        return {"term": term, "degrees": 0, **nothing, "estimable": False}
    squares = max(0.0, own.explained)
    share = max(0.0, squares - own.rank * noise) / total
    half = Z * math.sqrt(4 * noise * share * (1 - min(1.0, share)) / total + 2 * own.rank * (noise / total) ** 2)
    ends = {"share_low": max(0.0, share - half), "share_high": min(1.0, share + half)}
    figures = {"sum_of_squares": squares, "share": share, **ends}
    return {"term": term, "degrees": own.rank, **figures, "estimable": True}


def _noise(noise: float, count: int, total: float) -> dict[str, Any]:
    """What the cells' own intervals say that errors contribute."""
    squares = noise * (count - 1)
    share = min(1.0, squares / total)
    ends = {"share_low": share, "share_high": share}
    figures = {"sum_of_squares": squares, "share": share, **ends}
    return {"term": NOISE, "degrees": count - 1, **figures, "estimable": True}


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

"""How well counts that need no measurement predict latency: rank correlations, overall and within groups."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from dlas.analysis import cells
from dlas.analysis.quantities import Floats, Z, estimates, figures
from dlas.errors import CubeError
from dlas.option import LAYERS
from dlas.rounding import with_interval

PROXIES = ("macs", "parameters", "size", "nonzeros")
EVERYWHERE = "all cells"
LEAST = 5  # cells below which a correlation has no interval
_LIES = 0.5  # rank correlation below which a proxy is said to mislead
_PERFECT = 1 - 1e-12  # rank correlation beyond which nothing is out of order, but for rounding
_OF_A_BATCH = ("latency", "cold_start")  # quantities that grow with the batch, as the multiply-adds of all of it do
_COEFFICIENTS = ("spearman", "kendall")
SHOWN = 3  # misleading groups that are named in words


def proxies(cube: xr.Dataset, of: str = "latency", by: Sequence[str] = PROXIES) -> Any:
    """Rank correlations of each proxy with a quantity: a pandas DataFrame, a row for each proxy and group.

    Columns: `proxy`, `group` (all cells, or those with one option of a layer), `cells`, `spearman` and `kendall`
    (tau-b) with 95 % intervals. The intervals say how far the figure would move with other cells of the same kind
    (Fisher's z; errors after Bonett and Wright 2000, doi 10.1007/BF02294183, and Fieller, Hartley and Pearson 1957,
    doi 10.1093/biomet/44.3-4.470); they take cells as independent, and need five; a perfect order has none. Groups in
    which the proxy or the quantity is the same everywhere have no row. `macs` are those of the whole batch where the
    quantity is one of the whole batch.
    """
    import pandas

    measured = estimates(cube, of)
    groups = _groups(cube, measured.known)
    rows = [
        {"proxy": proxy, "group": group, **figures}
        for proxy, counts in ((proxy, _counts(cube, proxy, of)) for proxy in by)
        for group, chosen in groups.items()
        if (figures := _figures(counts[chosen], measured.values[chosen]))
    ]
    if not rows:
        raise CubeError(f"neither {of} nor a proxy differs between the measured cells; there is nothing to predict")
    frame = pandas.DataFrame(rows)
    frame.attrs = {"quantity": of}
    return frame


def _counts(cube: xr.Dataset, proxy: str, of: str) -> Floats:
    """A proxy for every flat position, on a scale that keeps its order."""
    if proxy != "macs" or of not in _OF_A_BATCH:
        return estimates(cube, proxy).values
    whole: Floats = figures(cube, proxy) * cells.of_hardware(cube, "batch")
    return whole


def _groups(cube: xr.Dataset, known: Any) -> dict[str, cells.Positions]:
    """Flat positions of all cells, and of those with each option of each varying layer."""
    positions = np.flatnonzero(known)
    codes = cells.codes(cube, positions)
    found = {EVERYWHERE: positions}
    for layer in cells.varying(cube, positions):
        column = codes[:, LAYERS.index(layer)]
        for i, option in enumerate(cube[layer].values):
            found[f"{layer}={option}"] = positions[column == i]
    return found


def _figures(proxy: Floats, values: Floats) -> dict[str, float]:
    """Both correlations with intervals; nothing where one side does not vary."""
    from scipy.stats import kendalltau, spearmanr

    both = np.isfinite(proxy) & np.isfinite(values)
    proxy, values = proxy[both], values[both]
    if len(proxy) < 3 or np.ptp(proxy) == 0 or np.ptp(values) == 0:
        return {}
    rho, tau = float(spearmanr(proxy, values).statistic), float(kendalltau(proxy, values).statistic)
    count = len(proxy)
    errors = math.sqrt((1 + rho**2 / 2) / max(1, count - 3)), math.sqrt(0.437 / max(1, count - 4))
    ends = _interval("spearman", rho, errors[0], count) | _interval("kendall", tau, errors[1], count)
    return {"cells": count, **ends}


def _interval(name: str, value: float, error: float, count: int) -> dict[str, float]:
    """The coefficient with its interval by Fisher's z; none for few cells or a perfect order."""
    if count < LEAST or abs(value) > _PERFECT:
        low = high = math.nan
    else:
        low, high = (math.tanh(math.atanh(value) + sign * Z * error) for sign in (-1, 1))
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def sentences(result: Any) -> list[str]:
    """How well each proxy ranks the cells, within which groups it surely does not, and where it turns them round."""
    said = []
    for proxy, rows in result.groupby("proxy", sort=False):
        everywhere = rows["group"] == EVERYWHERE
        parts = [_figure(row) for row in rows[everywhere].to_dict("records")]
        lying = rows[~everywhere & (rows["spearman_high"] < _LIES)].sort_values("spearman").head(SHOWN)
        parts += [f"it misleads within {row['group']}, {_figure(row)}" for row in lying.to_dict("records")]
        turned = rows[~everywhere & (rows["spearman"] < -_PERFECT) & (rows["cells"] >= LEAST)].head(SHOWN)
        parts += [f"within {row['group']} {_figure(row)}" for row in turned.to_dict("records")]
        said.append(f"{proxy} against {result.attrs['quantity']}: {'; '.join(parts)}.")
    return said


def _figure(row: dict[str, Any]) -> str:
    if math.isnan(row["spearman_low"]):
        order = "in order" if row["spearman"] > 0 else "reversed"
        why = "too few for an interval" if row["cells"] < LEAST else f"exactly {order}, which has no interval"
        return f"Spearman {row['spearman']:.2f} from {row['cells']} cells, {why}"
    ends = ("", "_low", "_high")
    figures = (f"{name.capitalize()} {with_interval(*(row[f'{name}{end}'] for end in ends))}" for name in _COEFFICIENTS)
    return ", ".join(figures)

"""How sure a difference is whose interval Student's t made, also when it is one of many that are looked at.

An error is the half of a 95 % interval over the normal quantile, so that 95 % stay 95 %; beyond that the tails are
those of the few processes that the interval is known by.
"""

import math

import numpy as np
import xarray as xr

from dlas.analysis.quantities import Floats, Z
from dlas.measure.statistics import CONFIDENCE, PRIOR_WEIGHT, StudentInterval, critical
from dlas.measure.verdict import p_value


def degrees_of_freedom(cube: xr.Dataset, quantity: str) -> float:
    """Of Student's t, which made the intervals of latency: the least that a cell's has; infinite where it is normal.

    Cubes that do not hold them tell the processes behind each.
    """
    if quantity != "latency":
        return math.inf
    stored, processes = (_above_nought(cube, name) for name in ("relative_latency_freedom", "processes"))
    return min(stored or [fewest - 1 + PRIOR_WEIGHT for fewest in processes], default=math.inf)


def _above_nought(cube: xr.Dataset, name: str) -> list[float]:
    if name not in cube:
        return []
    values: list[float] = cube[name].values[np.isfinite(cube[name].values) & (cube[name].values > 0)].tolist()
    return values


def surely(effect: float, error: float, freedom: float, of: int) -> bool:
    """Whether an effect is none by chance, being one of so many that are looked at (Bonferroni)."""
    half = Z * error
    return p_value(StudentInterval(effect, effect - half, effect + half, freedom)) * of < 1 - CONFIDENCE


def one_sided(differences: Floats, errors: Floats, freedom: float) -> Floats:
    """The probability of each difference or a larger one if there were none; of no difference, a half."""
    from scipy.special import ndtr, stdtr

    with np.errstate(divide="ignore", invalid="ignore"):
        far = -np.where(differences == 0, 0.0, differences / errors)
    return np.asarray(ndtr(far) if math.isinf(freedom) else stdtr(freedom, far * critical(freedom) / Z), float)


def reach(level: float, freedom: float) -> float:
    """How many errors a difference must be away from nought to be beyond this quantile."""
    return Z * critical(freedom, level) / critical(freedom)

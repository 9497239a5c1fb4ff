"""What can be analysed: each figure with its better direction, its scale, and its standard error in every cell."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dlas.errors import CubeError
from dlas.measure.statistics import CONFIDENCE, normal_quantile
from dlas.option import LAYERS
from dlas.rounding import BYTES, TIMES, quantity, with_interval

Floats = NDArray[np.float64]
Z = normal_quantile((1 + CONFIDENCE) / 2)

_COUNTS = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


@dataclass(frozen=True)
class Quantity:
    """A figure of the cube; `paired` names the variable that holds it relative to the baseline's, more precisely.

    A `logarithmic` one is compared by ratios, any other by differences. `units` scale it for people.
    """

    name: str
    lower_is_better: bool = True
    logarithmic: bool = True
    paired: str = ""
    units: tuple[tuple[float, str], ...] = _COUNTS

    def text(self, value: float, low: float, high: float) -> str:
        """The figure with unit and interval."""
        if self.logarithmic:
            return quantity(value, low, high, units=self.units).strip()
        return percent(value, low, high)


QUANTITIES: Mapping[str, Quantity] = {
    found.name: found
    for found in (
        Quantity("latency", paired="relative_latency", units=TIMES),
        Quantity("accuracy", lower_is_better=False, logarithmic=False, paired="accuracy_change"),
        Quantity("size", units=BYTES),
        Quantity("weights_size", units=BYTES),
        Quantity("peak_memory", units=BYTES),
        Quantity("cold_start", units=TIMES),
        Quantity("train_time", units=TIMES),
        Quantity("build_time", units=TIMES),
        Quantity("macs"),
        Quantity("parameters"),
        Quantity("nonzeros"),
    )
}


@dataclass(frozen=True)
class Estimates:
    """A quantity over the flattened cube, on the scale where it is compared; NaN where there is no figure.

    `errors` are standard errors, 0 where the figure is exact; paired values are relative to the baseline's.
    """

    quantity: Quantity
    values: Floats
    errors: Floats

    @property
    def known(self) -> NDArray[np.bool_]:
        """Cells that have the figure."""
        found: NDArray[np.bool_] = np.isfinite(self.values)
        return found

    @property
    def costs(self) -> Floats:
        """The values with the sign that makes less better."""
        return self.values if self.quantity.lower_is_better else -self.values


def find(name: str) -> Quantity:
    """The quantity of this name; raises CubeError."""
    if name not in QUANTITIES:
        raise CubeError(f"{name!r} cannot be analysed; choose one of {', '.join(QUANTITIES)}")
    return QUANTITIES[name]


def estimates(cube: xr.Dataset, name: str) -> Estimates:
    """A quantity of the cells that ended well.

    Paired figures are taken where every such cell has one and shares with the baseline what they pair: the host and,
    for accuracy, the data. The intervals are read as normal ones, on the scale of comparison: an
    error is a half over the normal quantile, so that 95 % stay 95 % where Student's t, which is wider, made them.
    """
    found, well = find(name), ended_well(cube)
    plain = _figures(cube, name, well)
    use = name
    if found.paired in cube and _may_pair(found, cube, well):
        paired = _figures(cube, found.paired, well)
        if np.isfinite(paired[np.isfinite(plain)]).all():
            use, plain = found.paired, np.where(np.isfinite(plain), paired, np.nan)
    if f"{use}_low" not in cube:
        return Estimates(found, _scaled(found, plain), np.zeros_like(plain))
    low, high = (_scaled(found, _figures(cube, f"{use}_{end}", well)) for end in ("low", "high"))
    return Estimates(found, _scaled(found, plain), (high - low) / (2 * Z))


def _may_pair(quantity: Quantity, cube: xr.Dataset, well: NDArray[np.bool_]) -> bool:
    """Whether the cells that count are paired with the baseline: with other data, its score only adds noise."""
    place = "at" if "at" in cube.coords else "host"  # two hosts may be of one model; older cubes have no names
    if len(set(cube[place].values.tolist())) != 1:
        return False
    if quantity.name != "accuracy":
        return True
    kept = well.reshape([cube.sizes[layer] for layer in LAYERS]).any(axis=tuple(range(1, len(LAYERS))))
    return set(cube["dataset"].values[kept].tolist()) <= {json.loads(cube.attrs["baseline"])["dataset"]}


def _scaled(quantity: Quantity, values: Floats) -> Floats:
    if not quantity.logarithmic:
        return values
    return np.log(np.where(values > 0, values, np.nan))


def figures(cube: xr.Dataset, name: str) -> Floats:
    """A variable over the flattened cube, NaN but for cells that ended well; raises CubeError without such a one."""
    return _figures(cube, name, ended_well(cube))


def _figures(cube: xr.Dataset, name: str, well: NDArray[np.bool_]) -> Floats:
    if name not in cube:
        raise CubeError(f"the cube has no {name}; it was made by another version of dlas")
    values: Floats = np.where(well, flat(cube, name), np.nan)
    return values


def ended_well(cube: xr.Dataset) -> NDArray[np.bool_]:
    """Cells whose figures count: `ok`, so neither missing nor failed nor unstable."""
    well: NDArray[np.bool_] = flat(cube, "status") == "ok"
    return well


def flat(cube: xr.Dataset, name: str) -> NDArray[Any]:
    """A variable of six dimensions as one row, the last layer changing fastest."""
    # As a variable: the coordinates of an array take longer to carry along than a small cube takes to read.
    values: NDArray[Any] = cube.variables[name].transpose(*LAYERS).values.ravel()
    return values


def percent(value: float, low: float, high: float) -> str:
    """A share in per cent, with its interval unless it is exact."""
    return _figure(100 * value, 100 * low, 100 * high) + " %"


def change(quantity: Quantity, value: float, low: float, high: float) -> str:
    """A ratio (or, for what is not logarithmic, a difference of shares), with its interval unless it is exact."""
    if quantity.logarithmic:
        return _figure(value, low, high) + "×"
    return _figure(100 * value, 100 * low, 100 * high) + " pp"


def _figure(value: float, low: float, high: float) -> str:
    return with_interval(value, low, high) if low < high else f"{value:.3g}"

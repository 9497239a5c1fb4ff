"""A limit that a cell must keep, as people write it: `accuracy_change >= -1pp`, `latency <= 5ms`, `size <= 300kB`."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dlas.analysis.quantities import Floats, figures
from dlas.errors import CubeError
from dlas.variables import NUMBERS

NONE = "none"
_UNITS = {
    "": 1.0,
    **{"%": 1e-2, "pp": 1e-2},
    **{"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6},
    **{"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9},
}
_FORM = re.compile(r"\s*([a-z_0-9]+)\s*(<=|>=)\s*([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)\s*([a-zA-Zµ%]*)\s*")
_DIMENSION = {"%": "1", "pp": "1", "s": "s", "ms": "s", "us": "s", "µs": "s"}


@dataclass(frozen=True)
class Constraint:
    """A bound on a variable of the cube, in the variable's own unit; `text` is how it was written."""

    variable: str
    at_least: bool
    bound: float
    text: str

    def kept(self, cube: xr.Dataset) -> NDArray[np.bool_]:
        """Flattened cells whose figure keeps it; those without the figure do not."""
        return self._within(figures(cube, self.variable))

    def possible(self, cube: xr.Dataset) -> NDArray[np.bool_]:
        """Flattened cells that the 95 % interval does not exclude."""
        return self._within(self._end(cube, kind=True))

    def certain(self, cube: xr.Dataset) -> NDArray[np.bool_]:
        """Flattened cells whose whole 95 % interval keeps it."""
        return self._within(self._end(cube, kind=False))

    def _end(self, cube: xr.Dataset, kind: bool) -> Floats:
        """The end of the interval that is kind to the cell, or the other one."""
        name = f"{self.variable}_{'high' if self.at_least == kind else 'low'}"
        return figures(cube, name if name in cube else self.variable)

    def _within(self, values: Floats) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            found: NDArray[np.bool_] = values >= self.bound if self.at_least else values <= self.bound
        return found


def read(text: str) -> Constraint:
    """The constraint that a text stands for; raises CubeError."""
    match = _FORM.fullmatch(text)
    if not match or match[4] not in _UNITS:
        raise CubeError(f"{text!r} is no limit; write for example 'accuracy_change >= -1pp' or 'latency <= 5ms'")
    variable, sign, number, unit = match.groups()
    if variable not in NUMBERS:
        raise CubeError(f"{text!r}: the cube has no figure {variable!r}; its figures are {', '.join(NUMBERS)}")
    if unit and NUMBERS[variable][0] != _DIMENSION.get(unit, "byte"):
        raise CubeError(f"{text!r}: {variable} is not in {unit}; its unit is {NUMBERS[variable][0]}")
    try:
        bound = float(number) * _UNITS[unit]
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise CubeError(f"{text!r}: {number} is no number; write for example 'latency <= 5ms'")
    return Constraint(variable, sign == ">=", bound, text.strip())


def read_all(texts: str | Sequence[str]) -> list[Constraint]:
    """One constraint, or several; `none` stands for none."""
    return [read(text) for text in ([texts] if isinstance(texts, str) else texts) if text != NONE]

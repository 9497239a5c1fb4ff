"""How one layer changes the effect of another: ratios of ratios with intervals.

The model of all pairs is fitted to the logarithms by least squares, so that every cell helps; an interaction is a
contrast of its coefficients, and the cells' errors reach it through the same equations (independent: variances add).
Between two layers that alone vary it is the plain ratio of ratios of four cells.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from dlas.analysis import cells
from dlas.analysis.leastsquares import Equations, Solution, contrast, equations, solve, terms_of
from dlas.analysis.quantities import Floats, Quantity, Z, change, estimates, find
from dlas.analysis.tails import degrees_of_freedom
from dlas.errors import CubeError
from dlas.measure.statistics import Interval, StudentInterval
from dlas.measure.verdict import discoveries, p_value
from dlas.option import LAYERS

Weights = Mapping[int, float]
SHOWN = 5  # interactions that are told in words
_PLACES = (("effect_otherwise", "otherwise"), ("effect", "where"))  # an effect, and the option where it is so


@dataclass(frozen=True)
class _Model:
    """The solved model of the cube's varying layers, which of its factors is which layer, the errors' Student's t."""

    solution: Solution
    system: Equations
    layers: list[str]
    freedom: float
    counts: Floats  # cells of each column

    def column(self, one: str, i: int, other: str, j: int) -> int:
        """The column of a pair of options."""
        (a, i), (b, j) = sorted([(self.layers.index(one), i), (self.layers.index(other), j)])
        return self.system.places[a, b][i * self.system.sizes[b] + j]


def interactions(cube: xr.Dataset, a: str, b: str, of: str = "latency") -> Any:
    """How layer `b` changes the effect of layer `a` on a quantity, against the baseline's options of both.

    A pandas DataFrame, a row for each other option of `a` and of `b`: `effect` is the quantity with the option of `a`
    over that with the baseline's, where `b` has its option (other layers' options weigh the same); `ratio` is that
    effect over the one with the baseline's option of `b`; both with 95 % intervals; differences for accuracy. `stands`
    tells whether the ratio differs from one at a false discovery rate of 5 %. NaN where the cells do not determine it.
    """
    import pandas

    for layer in (a, b):
        cells.checked(cube, layer)
    if a == b:
        raise CubeError(f"an interaction is one of two layers; {a} was named twice")
    model = _fitted(cube, a, b, of)
    rows = [_row(cube, model, a, i, b, j, of) for i in _others(cube, a) for j in _others(cube, b)]
    standing = discoveries([row["p_value"] for row in rows])
    return pandas.DataFrame([{**row, "stands": stands} for row, stands in zip(rows, standing, strict=True)])


def _fitted(cube: xr.Dataset, a: str, b: str, of: str) -> _Model:
    found = estimates(cube, of)
    positions = np.flatnonzero(found.known)
    layers = cells.varying(cube, positions)
    if a not in layers or b not in layers:
        raise CubeError(f"{a} and {b} do not both vary among the cells with {of}; there is no interaction to estimate")
    columns = cells.codes(cube, positions)[:, [LAYERS.index(layer) for layer in layers]]
    sizes = [cube.sizes[layer] for layer in layers]
    system = equations(columns, sizes, found.values[positions])
    solution = solve(system, terms_of(range(len(layers))), found.errors[positions])
    return _Model(solution, system, layers, degrees_of_freedom(cube, of), system.gram.diagonal())


def _reference(cube: xr.Dataset, layer: str) -> int:
    known: list[str] = cube[layer].values.tolist()
    own = cells.baseline(cube)[layer]
    return known.index(own) if own in known else 0


def _others(cube: xr.Dataset, layer: str) -> list[int]:
    return [i for i in range(cube.sizes[layer]) if i != _reference(cube, layer)]


def _row(cube: xr.Dataset, model: _Model, a: str, i: int, b: str, j: int, of: str) -> dict[str, Any]:
    zero_a, zero_b = _reference(cube, a), _reference(cube, b)
    here, there = _effect(model, a, i, zero_a, b, j), _effect(model, a, i, zero_a, b, zero_b)
    double = {
        model.column(a, i, b, j): 1.0,
        model.column(a, zero_a, b, j): -1.0,
        model.column(a, i, b, zero_b): -1.0,
        model.column(a, zero_a, b, zero_b): 1.0,
    }
    ratio = _interval(model, double)
    options = {"layer": a, "option": _text(cube, a, i), "against": _text(cube, a, zero_a)}
    across = {"across": b, "where": _text(cube, b, j), "otherwise": _text(cube, b, zero_b)}
    effects = {"effect": _interval(model, here), "effect_otherwise": _interval(model, there), "ratio": ratio}
    figures = [_named(name, interval, of) for name, interval in effects.items()]
    found = p_value(ratio) if math.isfinite(ratio.value) else 1.0
    return {**options, **across, "quantity": of, **figures[0], **figures[1], **figures[2], "p_value": found}


def _text(cube: xr.Dataset, layer: str, i: int) -> str:
    return str(cube[layer].values[i])


def _effect(model: _Model, a: str, i: int, zero: int, b: str, j: int) -> Weights:
    """Option i of `a` less option zero with option j of `b`, averaged over what both met of the other layers."""
    weights = {model.column(a, i, b, j): 1.0, model.column(a, zero, b, j): -1.0}
    for other in (layer for layer in model.layers if layer not in (a, b)):
        options = range(model.system.sizes[model.layers.index(other)])
        pairs = [(model.column(a, i, other, k), model.column(a, zero, other, k)) for k in options]
        met = [pair for pair in pairs if all(model.counts[column] for column in pair)]
        for own, reference in met:
            weights[own], weights[reference] = 1 / len(met), -1 / len(met)
    return weights


def _interval(model: _Model, weights: Weights) -> StudentInterval:
    value, error = contrast(model.solution, weights)
    return StudentInterval(value, value - Z * error, value + Z * error, model.freedom)


def _named(name: str, found: Interval, of: str) -> dict[str, float]:
    if find(of).logarithmic and math.isfinite(found.value):
        found = found.exp()
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def sentences(result: Any) -> list[str]:
    """The interactions that stand, the strongest first."""
    first = result.iloc[0]
    if result["ratio"].isna().all():
        return [f"How {first['across']} changes the effect of {first['layer']} cannot be told: no cells vary both."]
    quantity = find(first["quantity"])
    strength = abs(np.log(result["ratio"]) if quantity.logarithmic else result["ratio"])
    standing = result.assign(strength=strength)[result["stands"]].sort_values("strength", ascending=False)
    if standing.empty:
        return [
            f"{first['across']} does not visibly change what {first['layer']} does to {first['quantity']}: "
            "no interaction stands at a false discovery rate of 5 %."
        ]
    return [_sentence(row, quantity) for row in standing.head(SHOWN).to_dict("records")]


def _sentence(row: Mapping[str, Any], quantity: Quantity) -> str:
    does = f"{row['layer']}={row['option']} {'multiplies' if quantity.logarithmic else 'changes'} {quantity.name} by"
    if any(math.isnan(row[name]) for name, _ in _PLACES):  # no cells tell how much; how differently, some do
        than = "as much {} as {}" if quantity.logarithmic else "more {} than {}"
        where = than.format(*(f"with {row['across']}={row[at]}" for at in ("where", "otherwise")))
        return f"{does} {_change(row, 'ratio', quantity)} {where}."
    places = [f"{_change(row, name, quantity)} with {row['across']}={row[at]}" for name, at in _PLACES]
    return f"{does} {' but '.join(places)}."


def _change(row: Mapping[str, Any], name: str, quantity: Quantity) -> str:
    return change(quantity, *(row[f"{name}{end}"] for end in ("", "_low", "_high")))

"""How far accuracy moves by chance from seed to seed, and a cube whose accuracies say so."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from dlas import registry
from dlas.cube import select
from dlas.option import LAYERS, name_of

LEAST = 2  # seeds of a network from which it tells of a spread


@dataclass(frozen=True)
class Spread:
    """Standard deviation between seeds, and the degrees of freedom it was estimated with."""

    deviation: float
    freedom: int

    @property
    def half(self) -> float:
        """Half the 95 % interval of one more seed's figure about the truth (Student's t)."""
        from scipy.stats import t

        return float(t.ppf(0.975, self.freedom)) * self.deviation


def unseeded(model: str) -> str:
    """The network's text without its seed: what networks that differ by chance only have in common."""
    (option,) = registry.parse("model", model)
    return registry.write((replace(option, seed=0),)) if hasattr(option, "seed") else model  # type: ignore[type-var]


def first(cube: xr.Dataset) -> xr.Dataset:
    """The cube with one seed of each network: the others tell of chance, and are no further networks."""
    found: dict[str, str] = {}
    for text in cube["model"].values.tolist():
        found.setdefault(unseeded(text), text)
    return select(cube, model=list(found.values()))


def spreads(cube: xr.Dataset, changes: bool = True) -> dict[str, Spread]:
    """For each compression, how far its accuracy, or what it changes in it, differs between seeds of a network.

    Pooled over the networks of several seeds and the data sets; the first primitive, code generator and hardware that
    all seeds have. Empty where no network has several seeds.
    """
    values = _accuracies(cube)
    deviations: dict[str, list[Any]] = defaultdict(list)
    for seeds in _families(values, changes).values():
        for compression, figures in seeds.items():
            if len(figures) >= LEAST:
                deviations[compression].append(np.array(figures) - np.mean(figures))
    return {compression: _pooled(parts) for compression, parts in deviations.items()}


def _pooled(parts: list[Any]) -> Spread:
    freedom = sum(len(part) - 1 for part in parts)
    return Spread(float(np.sqrt(sum((part**2).sum() for part in parts) / freedom)), freedom)


def _accuracies(cube: xr.Dataset) -> Mapping[tuple[str, ...], float]:
    """Accuracy of each measured cell, by its options; of cells that run the same network the first counts."""
    frame = cube["accuracy"].where(cube["status"] == "ok").to_series().dropna()
    return {tuple(key): float(value) for key, value in frame.items()}


def _families(values: Mapping[tuple[str, ...], float], changes: bool) -> dict[Any, dict[str, list[float]]]:
    """By data set, network without seed and the rest of the stack: the figures of all seeds for each compression."""
    found: dict[Any, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    seen = set()
    for (dataset, model, compression, *rest), value in values.items():
        plain = values.get((dataset, model, "none", *rest))
        if (dataset, model, compression) in seen or (changes and (plain is None or compression == "none")):
            continue
        seen.add((dataset, model, compression))
        found[dataset, unseeded(model)][compression].append(value - plain if changes and plain is not None else value)
    return found


def widened(cube: xr.Dataset, changes: bool = True) -> xr.Dataset:
    """The cube with the intervals of accuracies widened by the spread between seeds.

    With `changes` by that of what a compression does to one network, so that `none` stays as it is: for comparing
    compressions. Without, by that of accuracy itself: for comparing networks. A compression that no second seed has
    takes the largest spread of its technique, else of all. A cube without a second seed is given back as it is.
    """
    known = spreads(cube, changes)
    if not known:
        return cube
    halves = xr.DataArray([_half(known, text, changes) for text in cube["compression"].values], dims="compression")
    wide = {}
    for name in ("accuracy", "accuracy_change"):
        for end, sign in (("_low", -1), ("_high", 1)):
            far = cube[f"{name}{end}"] - cube[name]
            wide[f"{name}{end}"] = (cube[name] + sign * np.sqrt(far**2 + halves**2)).transpose(*LAYERS)
    return cube.assign(wide)


def _half(known: Mapping[str, Spread], compression: str, changes: bool) -> float:
    if changes and compression == "none":
        return 0.0
    if compression in known:
        return known[compression].half
    technique = _technique(compression)
    alike = [spread.half for text, spread in known.items() if _technique(text) == technique]
    return max(alike or [spread.half for spread in known.values()])


def _technique(compression: str) -> list[str]:
    return [str(name_of(option)) for option in registry.parse("compression", compression)]

"""Claims of papers and of folklore as declared values, and what a cube says of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from dlas.analysis import cells
from dlas.analysis.quantities import Quantity, Z, change, estimates, find
from dlas.analysis.tails import degrees_of_freedom, surely
from dlas.cube import select
from dlas.errors import CubeError
from dlas.option import LAYERS

SUPPORTED, REFUTED, INCONCLUSIVE, UNTESTABLE = "supported", "refuted", "inconclusive", "not testable here"
DIRECTIONS = ("lower", "higher", "the same")


@dataclass(frozen=True)
class Comparison:
    """A quantity with some options against the same stacks with others, wherever `where` holds.

    >>> Comparison({"compression": "int8"}, {"compression": "none"}, where={"codegen": "openvino"})
    """

    these: Mapping[str, str]
    against: Mapping[str, str]
    where: Mapping[str, str] = field(default_factory=dict)
    quantity: str = "latency"


@dataclass(frozen=True)
class Claim:
    """What somebody says, where; as a comparison, its direction, and the least effect that would bear it out.

    `minimum` is relative for latency and sizes (0.1 means ten per cent lower, or higher), a difference for accuracy
    (0.01 means one point). With the direction `the same` it is how far the two may differ. Raises CubeError for what
    is no claim.
    """

    text: str
    source: str
    comparison: Comparison
    direction: str
    minimum: float = 0.0

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise CubeError(f"claim {self.text!r}: direction {self.direction!r} is none of {', '.join(DIRECTIONS)}")
        if self.minimum < 0 or (self.direction == "lower" and self.minimum >= 1):
            raise CubeError(f"claim {self.text!r}: minimum {self.minimum:g} must be at least 0, and below 1 for lower")
        if self.direction == "the same" and not self.minimum:
            raise CubeError(f"claim {self.text!r}: how much may they differ and still be the same? give a minimum")


def claims(cube: xr.Dataset, declared: Sequence[Claim]) -> Any:
    """What the cube says of each claim: a pandas DataFrame, a row for each pair of cells that speaks to it.

    A claim holds for every pair in its reach: it is `supported` if the 95 % interval of each pair lies beyond the
    minimum, `refuted` if that of one lies wholly on the other side (adjusted for the number of pairs, Bonferroni),
    else `inconclusive`; a claim without a measured pair is `not testable here`, its row has no cells. Columns: `claim`,
    `source`, `verdict`, `cell`, `against`, `quantity`, `effect` (ratio, or difference) with its interval, `bears_out`
    (what the pair says by itself).
    """
    import pandas

    rows = [row for claim in declared for row in _evaluated(cube, claim)]
    return pandas.DataFrame(rows)


def _evaluated(cube: xr.Dataset, claim: Claim) -> list[dict[str, Any]]:
    quantity = find(claim.comparison.quantity)
    own = {"claim": claim.text, "source": claim.source, "quantity": quantity.name}
    pairs = _pairs(cube, claim.comparison)
    if not len(pairs):
        nothing = dict.fromkeys(("effect", "effect_low", "effect_high"), np.nan)
        return [{**own, "verdict": UNTESTABLE, "cell": "", "against": "", **nothing, "bears_out": UNTESTABLE}]
    found = estimates(cube, quantity.name)
    effects = found.values[pairs[:, 0]] - found.values[pairs[:, 1]]
    errors = np.hypot(found.errors[pairs[:, 0]], found.errors[pairs[:, 1]])
    known, freedom = list(zip(effects, errors, strict=True)), degrees_of_freedom(cube, quantity.name)
    each = [_verdict(claim, quantity, *pair, freedom, 1) for pair in known]
    refuted = any(_verdict(claim, quantity, *pair, freedom, len(pairs)) == REFUTED for pair in known)
    verdict = REFUTED if refuted else SUPPORTED if set(each) == {SUPPORTED} else INCONCLUSIVE
    scale = np.exp if quantity.logarithmic else np.asarray
    ends = {"": effects, "_low": effects - Z * errors, "_high": effects + Z * errors}
    frame = cells.table(cube, pairs.ravel())["cell"].to_numpy().reshape(-1, 2)
    figures = {f"effect{end}": scale(values) for end, values in ends.items()}
    return [
        {**own, "verdict": verdict, "cell": frame[i, 0], "against": frame[i, 1]}
        | {name: float(values[i]) for name, values in figures.items()}
        | {"bears_out": each[i]}
        for i in range(len(pairs))
    ]


def _pairs(cube: xr.Dataset, comparison: Comparison) -> Any:
    """Flat positions of the measured cells in question, beside those of their counterparts."""
    known = estimates(cube, comparison.quantity).known
    these = _places(cube, {**comparison.where, **comparison.these})
    against = _places(cube, {**comparison.where, **comparison.against})
    if these is None or against is None:
        return np.empty((0, 2), np.intp)
    sizes = [cube.sizes[layer] for layer in LAYERS]
    flat = np.arange(int(np.prod(sizes))).reshape(sizes)
    one, other = flat[np.ix_(*these)], flat[np.ix_(*against)]
    if one.shape != other.shape:
        raise CubeError("a claim compares options of the same layers on both sides; name them on both")
    pairs = np.stack([one.ravel(), other.ravel()], axis=1)
    return pairs[known[pairs].all(axis=1)]


def _places(cube: xr.Dataset, chosen: Mapping[str, str]) -> list[list[int]] | None:
    """Indices along each layer of what is chosen, or None where the cube does not have it; raises CubeError."""
    unknown = next((name for name in chosen if name not in cube.coords), None)
    if unknown:
        raise CubeError(f"a claim speaks of {unknown!r}; the cube knows {', '.join(map(str, cube.coords))}")
    try:
        part = select(cube, **chosen)
    except CubeError:
        return None
    return [[cube[layer].values.tolist().index(option) for option in part[layer].values] for layer in LAYERS]


def _verdict(claim: Claim, quantity: Quantity, effect: float, error: float, freedom: float, of: int) -> str:
    """What one pair says; it must be clearer if it is one of several that could refute."""

    def beyond(distance: float) -> bool:
        return distance > 0 and surely(distance, error, freedom, of)

    least = _threshold(claim, quantity)
    if claim.direction == "the same":
        inside, outside = beyond(least - effect) and beyond(least + effect), beyond(abs(effect) - least)
        return SUPPORTED if inside else REFUTED if outside else INCONCLUSIVE
    towards = -effect if claim.direction == "lower" else effect
    return SUPPORTED if beyond(towards - least) else REFUTED if beyond(least - towards) else INCONCLUSIVE


def _threshold(claim: Claim, quantity: Quantity) -> float:
    """The minimum on the scale of comparison."""
    if not quantity.logarithmic:
        return claim.minimum
    return float(-np.log1p(-claim.minimum) if claim.direction == "lower" else np.log1p(claim.minimum))


def sentences(result: Any) -> list[str]:
    """Each claim with its verdict and its weightiest evidence."""
    return [_sentence(str(text), rows) for text, rows in result.groupby("claim", sort=False)]


def _sentence(text: str, rows: Any) -> str:
    first = rows.iloc[0]
    if first["verdict"] == UNTESTABLE:
        return f"{first['source']}: “{text}”: {UNTESTABLE}; the cube has no measured pair of cells for it."
    telling = rows[rows["bears_out"] == first["verdict"]]
    row = (telling if len(telling) else rows).iloc[0]
    quantity = find(row["quantity"])
    effect = change(quantity, row["effect"], row["effect_low"], row["effect_high"])
    counted = f"{len(telling)} of {len(rows)} pairs" if len(rows) > 1 else "one pair"
    evidence = f"{row['cell']} against {row['against']}: {effect}"
    return f"{first['source']}: “{text}”: {first['verdict']} ({counted}); {evidence}."

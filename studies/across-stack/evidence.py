"""What cells of a cube say for or against a claim, and the verdict that follows from all of it."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import xarray as xr
from seeds import Spread, spreads

from dlas.analysis import cells
from dlas.analysis.claims import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    UNTESTABLE,
    Claim,
    Comparison,
    claims,
)
from dlas.analysis.quantities import Z, change, estimates, find
from dlas.analysis.tails import degrees_of_freedom, surely
from dlas.measure.statistics import CONFIDENCE, normal_quantile, wilson

RULES = ("all", "some", "usually")


@dataclass(frozen=True)
class Evidence:
    """An effect with its standard error, on the scale of comparison; the more above zero, the more it bears out.

    The error is the half of its 95 % interval over the normal quantile; `freedom` that of Student's t which made it.
    It is the clearest `among` so many.
    """

    effect: float
    error: float
    told: str
    freedom: float = math.inf
    among: int = 1

    def surely(self, of: int = 1) -> bool:
        """Whether it is none by chance, if so many such pieces are looked at together (Bonferroni)."""
        return surely(self.effect, self.error, self.freedom, self.among * of)


@dataclass(frozen=True)
class Stated:
    """A claim, whose it is, and how it is decided: by `all` pieces of evidence, by `some` one, or as is `usually` so.

    `gather` gives the evidence of a cube, less whatever least effect the claim asks for; `without` says what the cube
    lacks where there is none. It is asked of each host's cells by themselves, but where the claim is `across_hosts`.
    """

    number: str
    text: str
    source: str
    rule: str
    gather: Callable[[xr.Dataset], Sequence[Evidence]]
    without: str = "no measured pair of cells speaks to it"
    across_hosts: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a cube says of a claim; `told` is the weightiest evidence in words."""

    claim: Stated
    verdict: str
    told: str
    pieces: Sequence[Evidence] = field(repr=False)


def gathered(claim: Stated, cube: xr.Dataset, hosts: Mapping[str, xr.Dataset]) -> Sequence[Evidence]:
    """The evidence for a claim, of the whole cube or of each host's part of it, whose name is then told."""
    if claim.across_hosts:
        return claim.gather(cube)
    found = ((name, piece) for name, part in hosts.items() for piece in claim.gather(part))
    return [replace(piece, told=f"{piece.told}, on {name}") if name else piece for name, piece in found]


def judge(claim: Stated, pieces: Sequence[Evidence]) -> Verdict:
    """The verdict on a claim that follows from the evidence for it."""
    if not pieces:
        return Verdict(claim, UNTESTABLE, claim.without, pieces)
    verdict = {"all": _all, "some": _some, "usually": _usually}[claim.rule](pieces)
    return Verdict(claim, verdict, _told(claim.rule, verdict, pieces), pieces)


def _sides(pieces: Sequence[Evidence], of: int = 1) -> tuple[list[bool], list[bool]]:
    """Which pieces surely bear out, and which surely contradict, if `of` of them are looked at together."""
    return [p.effect > 0 and p.surely(of) for p in pieces], [p.effect < 0 and p.surely(of) for p in pieces]


def _all(pieces: Sequence[Evidence]) -> str:
    """Every piece must bear out; one that contradicts, among so many, refutes."""
    if any(_sides(pieces, len(pieces))[1]):
        return REFUTED
    return SUPPORTED if all(_sides(pieces)[0]) else INCONCLUSIVE


def _some(pieces: Sequence[Evidence]) -> str:
    """One piece that bears out, among so many, suffices; it is refuted, in this cube, where each contradicts."""
    if any(_sides(pieces, len(pieces))[0]):
        return SUPPORTED
    return REFUTED if all(_sides(pieces)[1]) else INCONCLUSIVE


def _usually(pieces: Sequence[Evidence]) -> str:
    """Of the pieces that are decided, surely more than half on one side (Wilson's interval)."""
    borne_out, contradicted = (sum(side) for side in _sides(pieces))
    if not borne_out + contradicted:
        return INCONCLUSIVE
    share = wilson(borne_out, borne_out + contradicted)
    return SUPPORTED if share.low > 0.5 else REFUTED if share.high < 0.5 else INCONCLUSIVE


def _told(rule: str, verdict: str, pieces: Sequence[Evidence]) -> str:
    """How many pieces say what, and the one that decides: the clearest for the verdict."""
    borne_out, contradicted = (sum(side) for side in _sides(pieces))
    strength = [p.effect / p.error if p.error else np.copysign(np.inf, p.effect) for p in pieces]
    against = verdict == REFUTED or (verdict == INCONCLUSIVE and rule == "all")
    deciding = pieces[int(np.argmin(strength) if against else np.argmax(strength))]
    counted = f"{borne_out} of {len(pieces)} bear out, {contradicted} contradict"
    return f"{counted}; {'against' if against else 'for'} it most clearly: {deciding.told}"


# --- evidence of several kinds -----------------------------------------------------------------------------------


def freedom(cube: xr.Dataset, quantity: str) -> float:
    """Degrees of freedom of the intervals; of accuracy those of the spread between seeds, by which it is widened."""
    if quantity == "accuracy":
        return min((spread.freedom for spread in spreads(cube).values()), default=math.inf)
    return degrees_of_freedom(cube, quantity)


def pairs(
    cube: xr.Dataset, comparison: Comparison, direction: str, minimum: float = 0.0, degrees: float = math.inf
) -> list[Evidence]:
    """The pairs of a comparison; with `the same` a piece bears out by how far it stays within the minimum."""
    quantity = find(comparison.quantity)
    frame = claims(cube, [Claim("", "", comparison, "higher")])
    scale = np.log if quantity.logarithmic else np.asarray
    least = float(np.log1p(minimum) if quantity.logarithmic else minimum)
    found = []
    for row in frame[frame["cell"] != ""].to_dict("records"):
        value, low, high = (float(scale(row[f"effect{end}"])) for end in ("", "_low", "_high"))
        effect = least - abs(value) if direction == "the same" else (value if direction == "higher" else -value) - least
        told = change(quantity, *(row[f"effect{end}"] for end in ("", "_low", "_high")))
        found.append(
            Evidence(effect, (high - low) / (2 * Z), f"{row['cell']} against {row['against']}, {told}", degrees)
        )
    return found


def contradictions(
    cube: xr.Dataset, proxy: str, of: str, least_first: bool = True, degrees: float = math.inf
) -> list[Evidence]:
    """Pairs of cells of one data set, code generator and hardware whose order by a proxy is not that by a quantity.

    With `least_first` one expects less of the quantity where the proxy is less. The clearest piece stands for all, as
    one among all pairs.
    """
    count, told = 0, []
    for context in contexts(cube, "dataset", "codegen", "hardware"):
        found = _contradicted(context, proxy, of, least_first)
        count += found[0]
        told += found[1]
    if not count:
        return []
    if not told:
        return [Evidence(-1.0, 1.0, f"in {count} pairs of cells no order is reversed")]
    best = max(told, key=lambda piece: piece.effect / piece.error)
    return [replace(best, told=f"{best.told} ({count} pairs of cells)", freedom=degrees, among=count)]


def contexts(cube: xr.Dataset, *shared: str) -> Iterator[xr.Dataset]:
    """The parts of a cube whose cells share the options of some layers."""
    for chosen in product(*(range(cube.sizes[layer]) for layer in shared)):
        yield cube.isel({layer: [i] for layer, i in zip(shared, chosen, strict=True)})


def _contradicted(cube: xr.Dataset, proxy: str, of: str, least_first: bool) -> tuple[int, list[Evidence]]:
    """The number of comparable pairs, and the clearest reversal among them."""
    first, other = estimates(cube, proxy), estimates(cube, of)
    places = np.flatnonzero(first.known & other.known)
    x, y, errors = first.values[places], other.values[places], other.errors[places]
    dx, dy = x[:, None] - x, (y[:, None] - y) * (1 if least_first else -1)
    error = np.hypot(errors[:, None], errors)
    apart = normal_quantile(1 - (1 - CONFIDENCE) / (2 * max(1, len(x)) ** 2))  # of so many pairs
    ordered = dx < -apart * np.hypot(first.errors[places][:, None], first.errors[places])
    one, two = np.nonzero(ordered & (dy > 0))
    count = int(ordered.sum())
    if not len(one):
        return count, []
    best = int(np.argmax(dy[one, two] / np.maximum(error[one, two], 1e-12)))
    a, b = one[best], two[best]
    names = cells.table(cube, places[[a, b]])["cell"]
    told = f"{names[0]} has less {proxy} than {names[1]} but {_more(of, y[a] - y[b], error[a, b])}"
    return count, [Evidence(float(dy[a, b]), float(max(error[a, b], 1e-12)), told)]


def _more(of: str, difference: float, error: float) -> str:
    quantity = find(of)
    ends = (difference, difference - Z * error, difference + Z * error)
    figure = change(quantity, *(np.exp(ends) if quantity.logarithmic else ends))
    return f"{figure} the {of}" if quantity.logarithmic else f"{figure} in {of}"


def contrast(one: Evidence, other: Evidence, told: str) -> Evidence:
    """How much more the first effect is than the second."""
    error = float(np.hypot(one.error, other.error))
    return Evidence(one.effect - other.effect, error, told, min(one.freedom, other.freedom))


def mean(pieces: Sequence[Evidence]) -> Evidence:
    """The mean of some effects, as well as their own errors let it be known."""
    error = np.sqrt(sum(piece.error**2 for piece in pieces)) / len(pieces)
    effect = float(np.mean([piece.effect for piece in pieces]))
    return Evidence(effect, float(error), pieces[0].told, min(piece.freedom for piece in pieces))


def of_kind(pieces: Sequence[Evidence]) -> Evidence:
    """The mean effect on a kind of which these are two members or more.

    Its interval is the wider of two: that of the mean of these, and Student's t of one kind known by so few.
    """
    own, count = mean(pieces), len(pieces)
    deviation = float(np.std([piece.effect for piece in pieces], ddof=1)) / np.sqrt(count)
    return replace(own, error=max(own.error, Spread(deviation, count - 1).half / Z), freedom=count - 1)

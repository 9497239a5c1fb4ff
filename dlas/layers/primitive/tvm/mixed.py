"""The candidates of `mixed`, and which of them a network's operators get."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from dlas.layers.primitive.tvm import bsr, csr_rows, winograd
from dlas.layers.primitive.tvm.bsr import Bsr
from dlas.layers.primitive.tvm.csr import CsrDirect, CsrGemm, CsrSpatialPack
from dlas.layers.primitive.tvm.direct import Direct
from dlas.layers.primitive.tvm.gemm import Gemm
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.layers.primitive.tvm.winograd import Winograd
from dlas.tensorir.contest import Candidate, Timed
from dlas.tensorir.emitter import Emitter, Lowered, OperatorLowering, Value
from dlas.tensorir.operators import Convolution, Linear

NAME = "mixed"
_LEAST_ZEROS = 0.4  # share of zeros below which no sparse primitive was ever faster; blocks of them count from 0.05 on
_LEAST_ZERO_BLOCKS = 0.05


@dataclass(frozen=True)
class Mixed:
    """A contest; dense operators are not timed under sparse primitives, nor any under one that would fall back."""

    def candidates(self, operator: Convolution | Linear, lanes: int) -> Sequence[Candidate]:
        """Those whose kernels would differ."""
        few = isinstance(operator, Convolution) and not operator.depthwise and operator.image[1] < lanes
        blocked, last = ("plain", "plain") if few else ("blocked", "last")
        found = [Candidate("spatial-pack", SpatialPack(), blocked)]
        if isinstance(operator, Convolution):
            found += [Candidate("direct", Direct(), last), Candidate("gemm", Gemm(), last)]
            found += [Candidate("winograd", Winograd("auto"), "blocked")] if winograd.pays(operator, "auto") else []
        return [*found, *_sparse(operator)]

    def fastest(self, operators: Sequence[Convolution | Linear], lanes: int, timed: Timed) -> Sequence[str]:
        """The choice that takes least in all, were each operator's image the output of the one before it.

        Linear operators take and give plain rows, whatever comes before.
        """
        chosen: list[str] = []
        chain: list[_Link] = []
        for operator, seconds in zip(operators, timed.operators, strict=True):
            if isinstance(operator, Linear):
                chosen += [*_best(chain, timed.moves), min(seconds, key=lambda name: seconds[name])]
                chain = []
            else:
                layouts = {candidate.name: candidate.layout for candidate in self.candidates(operator, lanes)}
                chain.append(_Link(4 * prod(operator.image), seconds, layouts))
        return [*chosen, *_best(chain, timed.moves)]

    def settled(self, chosen: Sequence[Candidate]) -> OperatorLowering:
        """One candidate after the other."""
        return _Settled(iter(chosen))


def _sparse(operator: Convolution | Linear) -> list[Candidate]:
    if isinstance(operator, Convolution) and operator.depthwise:
        return []
    found = []
    if csr_rows.sparsity(operator.weights) >= _LEAST_ZEROS:
        makes = (CsrDirect, CsrGemm, CsrSpatialPack)
        found += [Candidate(csr.name, csr, "plain") for csr in (make(threshold=0.0) for make in makes)]
    if bsr.sparsity(operator) >= _LEAST_ZERO_BLOCKS:
        found.append(Candidate(bsr.NAME, Bsr(0.0), "blocked"))
    return found


# --- the choice ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Link:
    """A convolution of the chain: bytes of its image, seconds and layout of each candidate by name."""

    image: int
    seconds: Mapping[str, float]
    layouts: Mapping[str, str]


def _best(chain: Sequence[_Link], moves: Mapping[tuple[str, str], float]) -> list[str]:
    """The cheapest path through the candidates (Viterbi): kernels, and copies where neighbours' layouts differ."""
    paths: dict[str, tuple[float, list[str]]] = {}  # layout of the output → the cheapest way to it
    for link in chain:
        paths = _extended(paths or {"": (0.0, [])}, link, moves)
    return min(paths.values(), default=(0.0, []))[1]


def _extended(
    paths: Mapping[str, tuple[float, list[str]]], link: _Link, moves: Mapping[tuple[str, str], float]
) -> dict[str, tuple[float, list[str]]]:
    longer: dict[str, tuple[float, list[str]]] = {}
    for name, seconds in link.seconds.items():
        layout = link.layouts[name]
        cost, path = min(
            (cost + moves.get((before, layout), 0.0) * link.image, path) for before, (cost, path) in paths.items()
        )
        out = "blocked" if name in _BLOCKED else "last" if name in _LAST else "plain"
        longer[out] = min(longer.get(out, (float("inf"), [])), (cost + seconds, [*path, name]))
    return longer


_BLOCKED, _LAST = ("spatial-pack", "winograd", "bsr"), ("direct", "gemm")  # what their outputs are


@dataclass
class _Settled:
    """Takes the next candidate for each operator that comes."""

    _chosen: Iterator[Candidate] = field(repr=False)

    def convolution(self, emitter: Emitter, operator: Convolution, image: Value) -> Lowered:
        """By the candidate, under the name of `mixed`."""
        return _named(next(self._chosen).lowering.convolution(emitter, operator, image))

    def linear(self, emitter: Emitter, operator: Linear, rows: Value) -> Lowered:
        """The same."""
        return _named(next(self._chosen).lowering.linear(emitter, operator, rows))


def _named(done: Lowered) -> Lowered:
    return Lowered(done.value, NAME, done.implementation, done.sparse, done.precision)

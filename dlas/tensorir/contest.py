"""A lowering that is found by timing: candidates for each operator, and what was timed of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from dlas.tensorir.emitter import OperatorLowering
from dlas.tensorir.layout import PLAIN, blocks
from dlas.tensorir.operators import Convolution, Linear

LAYOUTS = ("plain", "blocked", "last")  # NCHW; blocks of a vector; one block of all channels, in whole vectors


@dataclass(frozen=True)
class Candidate:
    """A way to lower an operator: it takes an image in one of `LAYOUTS` without a copy."""

    name: str
    lowering: OperatorLowering
    layout: str


@dataclass(frozen=True)
class Timed:
    """Seconds of each operator under each candidate, by name, and seconds for each byte of a change of layout."""

    operators: Sequence[Mapping[str, float]]
    moves: Mapping[tuple[str, str], float]


@runtime_checkable
class Contest(Protocol):
    """What has candidates instead of lowering by itself."""

    def candidates(self, operator: Convolution | Linear, lanes: int) -> Sequence[Candidate]:
        """At least one way, each under a name of its own; vectors have so many lanes."""

    def fastest(self, operators: Sequence[Convolution | Linear], lanes: int, timed: Timed) -> Sequence[str]:
        """The name of a candidate for each of a network's operators, which come in order."""

    def settled(self, chosen: Sequence[Candidate]) -> OperatorLowering:
        """The lowering that takes these, operator by operator."""


def block(layout: str, channels: int, lanes: int) -> int:
    """The block of an image of so many channels in a layout."""
    return {"plain": PLAIN, "blocked": lanes, "last": blocks(channels, lanes) * lanes}[layout]

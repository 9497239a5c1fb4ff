"""Block-compressed rows: a block of output channels shares its zeros, so that vectors of them are multiplied."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dlas.option import parameter

BREAK_EVEN = 0.3  # share of zero blocks at which a 3x3 convolution is faster, from benchmarks/sparse.py on AVX2


@dataclass(frozen=True)
class Bsr:
    """Blocks of 16 output channels x one weight; for networks pruned in such blocks."""

    name: ClassVar = "bsr"
    suggested: ClassVar = ("bsr",)
    lowerings: ClassVar[Mapping[str, str]] = {"tvm": "dlas.layers.primitive.tvm.bsr.Bsr"}

    threshold: float = parameter(
        "share of zero blocks below which an operator stays dense (spatial-pack); 0: never", BREAK_EVEN, low=0, high=1
    )

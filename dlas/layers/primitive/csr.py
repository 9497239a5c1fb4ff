"""Sparse primitives on compressed rows: only what is not zero is stored and multiplied."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dlas.option import parameter

_LOWERINGS = "dlas.layers.primitive.tvm.csr"
BREAK_EVEN = 0.65  # measured by benchmarks/sparse.py
_THRESHOLD = "sparsity below which an operator stays dense (spatial-pack); 0: never"


@dataclass(frozen=True)
class CsrDirect:
    """Each weight that is not zero times the whole image, moved by the weight's place in the kernel."""

    name: ClassVar = "csr-direct"
    suggested: ClassVar = ("csr-direct",)
    lowerings: ClassVar[Mapping[str, str]] = {"tvm": f"{_LOWERINGS}.CsrDirect"}

    threshold: float = parameter(_THRESHOLD, BREAK_EVEN, low=0, high=1)


@dataclass(frozen=True)
class CsrGemm:
    """im2col, then a product of the compressed rows with the matrix of patches."""

    name: ClassVar = "csr-gemm"
    suggested: ClassVar = ("csr-gemm",)
    lowerings: ClassVar[Mapping[str, str]] = {"tvm": f"{_LOWERINGS}.CsrGemm"}

    threshold: float = parameter(_THRESHOLD, BREAK_EVEN, low=0, high=1)


@dataclass(frozen=True)
class CsrSpatialPack:
    """As csr-direct, on slabs of rows that are packed to fit a cache."""

    name: ClassVar = "csr-spatial-pack"
    suggested: ClassVar = ("csr-spatial-pack",)
    lowerings: ClassVar[Mapping[str, str]] = {"tvm": f"{_LOWERINGS}.CsrSpatialPack"}

    threshold: float = parameter(_THRESHOLD, BREAK_EVEN, low=0, high=1)

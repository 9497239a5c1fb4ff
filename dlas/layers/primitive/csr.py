"""Sparse primitives on compressed rows: only what is not zero is stored and multiplied."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dlas.option import parameter

_LOWERINGS = "dlas.layers.primitive.tvm.csr"
# Sparsity at which a 3x3 convolution is as fast as a dense one, from benchmarks/sparse.py on AVX2.
DIRECT, GEMM, SPATIAL_PACK = 0.7, 0.8, 0.6
_THRESHOLD = "sparsity below which an operator stays dense (spatial-pack); 0: never"


@dataclass(frozen=True)
class CsrDirect:
    """Each weight that is not zero times the whole image, moved by the weight's place in the kernel."""

    name: ClassVar = "csr-direct"
    suggested: ClassVar = ("csr-direct",)
    lowerings: ClassVar[Mapping[str, str]] = {"tvm": f"{_LOWERINGS}.CsrDirect"}

    threshold: float = parameter(_THRESHOLD, DIRECT, low=0, high=1)


@dataclass(frozen=True)
class CsrGemm:
    """im2col, then a product of the compressed rows with the matrix of patches."""

    name: ClassVar = "csr-gemm"
    suggested: ClassVar = ("csr-gemm",)
    lowerings: ClassVar[Mapping[str, str]] = {
        "tvm": f"{_LOWERINGS}.CsrGemm",
        "torch": "dlas.layers.primitive.torch.csr.CsrGemm",
    }

    threshold: float = parameter(_THRESHOLD, GEMM, low=0, high=1)


@dataclass(frozen=True)
class CsrSpatialPack:
    """As csr-direct, on slabs of rows that are packed to fit a cache."""

    name: ClassVar = "csr-spatial-pack"
    suggested: ClassVar = ("csr-spatial-pack",)
    lowerings: ClassVar[Mapping[str, str]] = {"tvm": f"{_LOWERINGS}.CsrSpatialPack"}

    threshold: float = parameter(_THRESHOLD, SPATIAL_PACK, low=0, high=1)

"""GEMM: the image as a matrix of patches (im2col), and a matrix product."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Gemm:
    """im2col, then a product with the weights; 1x1 convolutions of stride 1 multiply the image itself."""

    name: ClassVar = "gemm"
    suggested: ClassVar = ("gemm",)
    lowerings: ClassVar[Mapping[str, str]] = {
        "tvm": "dlas.layers.primitive.tvm.gemm.Gemm",
        "torch": "dlas.layers.primitive.torch.gemm.Gemm",
    }

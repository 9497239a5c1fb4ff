"""Winograd: 3x3 convolutions of stride 1 with fewer multiplications."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dlas.option import parameter


@dataclass(frozen=True)
class Winograd:
    """F(m x m, 3 x 3) of Lavin and Gray (2016); other convolutions are packed (spatial-pack)."""

    name: ClassVar = "winograd"
    suggested: ClassVar = ("winograd",)
    lowerings: ClassVar[Mapping[str, str]] = {"tvm": "dlas.layers.primitive.tvm.winograd.Winograd"}

    tile: str = parameter(
        "outputs computed together, along each side: 4 multiplies less, 2 loses fewer digits, auto: what is faster",
        "auto",
        choices=("auto", "2", "4"),
    )

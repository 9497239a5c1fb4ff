"""Spatial pack: weights packed at build time, tiles of output pixels x channels in registers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class SpatialPack:
    """Channels lie in blocks of a vector from operator to operator; weights are packed for the register tile."""

    name: ClassVar = "spatial-pack"
    suggested: ClassVar = ("spatial-pack",)
    integers: ClassVar = True
    lowerings: ClassVar[Mapping[str, str]] = {"tvm": "dlas.layers.primitive.tvm.spatial_pack.SpatialPack"}

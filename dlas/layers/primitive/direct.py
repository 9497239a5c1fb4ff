"""Direct convolution: loops over the output, no matrix and no packing of weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Direct:
    """The definition of a convolution, its loops ordered and tiled; activations are channels last."""

    name: ClassVar = "direct"
    suggested: ClassVar = ("direct",)
    lowerings: ClassVar[Mapping[str, str]] = {"tvm": "dlas.layers.primitive.tvm.direct.Direct"}

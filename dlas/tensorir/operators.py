"""Convolutions and linear operators as a lowering sees them: constant weights and every size known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Convolution:
    """A 2-D convolution; weights are OIHW (I: input channels of one group), `padding` is top, left, bottom, right."""

    weights: Weights
    image: tuple[int, int, int, int]  # N, C, H, W
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of the kernel."""
        return self.weights.shape[2], self.weights.shape[3]

    @property
    def bordered(self) -> tuple[int, int]:
        """Height and width of the image with its padding."""
        top, left, bottom, right = self.padding
        return self.image[2] + top + bottom, self.image[3] + left + right

    @property
    def output(self) -> tuple[int, int, int, int]:
        """N, O, OH, OW."""
        spans = [d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True)]
        high, wide = ((p - s) // t + 1 for p, s, t in zip(self.bordered, spans, self.strides, strict=True))
        return self.image[0], self.weights.shape[0], high, wide

    @property
    def depthwise(self) -> bool:
        """Whether each output channel reads one input channel, its own."""
        return self.groups == self.image[1] == len(self.weights)

    @property
    def pointwise(self) -> bool:
        """Whether each output pixel reads one input pixel, its own."""
        return self.kernel == (1, 1) and self.strides == (1, 1) and not any(self.padding)


@dataclass(frozen=True, eq=False)
class Linear:
    """A product of so many rows with constant weights (inputs x outputs)."""

    weights: Weights
    rows: int

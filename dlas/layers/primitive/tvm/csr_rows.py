"""Compressed rows of a weight matrix OC x (IC KH KW): values, offsets into planes instead of columns, row pointers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlas.layers.primitive.tvm.csr_planes import Planes
from dlas.tensorir.operators import Convolution, Weights


@dataclass(frozen=True, eq=False)
class Rows:
    """What is not zero: float32 values, int32 offsets, int32 pointers (OC + 1)."""

    values: NDArray[np.float32]
    offsets: NDArray[np.int32]
    pointers: NDArray[np.int32]


def compressed(operator: Convolution, planes: Planes) -> Rows:
    """The rows of a convolution, in the order of channels and of places in the kernel."""
    outputs, per_group, high, wide = operator.weights.shape
    matrix = operator.weights.reshape(outputs, -1)
    row, column = np.nonzero(matrix)
    first = row // (outputs // operator.groups) * per_group
    channel, place = first + column // (high * wide), column % (high * wide)
    by_place = np.array([planes.offset(0, p) for p in range(high * wide)])
    offsets = channel * planes.size + by_place[place]
    pointers = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=outputs))])
    return _stored(matrix[row, column], offsets, pointers)


def _stored(values: Weights, offsets: NDArray[np.int64], pointers: NDArray[np.int64]) -> Rows:
    """As constants; a matrix of zeros keeps one, since a buffer holds something."""
    if not values.size:
        values, offsets = np.zeros(1, np.float32), np.zeros(1, np.int64)
    if offsets.max() > np.iinfo(np.int32).max:
        raise OverflowError("offsets of a sparse convolution beyond 32 bits")
    return Rows(values.astype(np.float32), offsets.astype(np.int32), pointers.astype(np.int32))


def sparsity(weights: Weights) -> float:
    """Share of zeros."""
    return 1 - np.count_nonzero(weights) / weights.size

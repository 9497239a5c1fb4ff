"""Winograd's matrices for F(m x m, 3 x 3), and weights transformed by them (Lavin and Gray 2016, section 4)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlas.tensorir.layout import blocks
from dlas.tensorir.operators import Weights

INPUT = {  # B transposed
    2: [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
    4: [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
}
WEIGHTS = {  # G
    2: [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
    4: [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
}
OUTPUT = {  # A transposed
    2: [[1, 1, 1, 0], [0, 1, -1, -1]],
    4: [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
}


def transformed(weights: Weights, m: int, width: int) -> Weights:
    """O, I, 3, 3 as O/width, (m + 2)^2, I, width; computed in float64."""
    matrix: NDArray[np.float64] = np.array(WEIGHTS[m], np.float64)
    products = np.einsum("ik,ockl,jl->ijco", matrix, weights.astype(np.float64), matrix)
    outputs, inputs = weights.shape[:2]
    count = blocks(outputs, width)
    packed = np.zeros((len(matrix) ** 2, inputs, count * width), np.float32)
    packed[..., :outputs] = products.reshape(-1, inputs, outputs)
    return np.ascontiguousarray(packed.reshape(-1, inputs, count, width).transpose(2, 0, 1, 3))


def combination(coefficients: Sequence[float], vectors: Sequence[Any], splat: Any) -> Any:
    """Sum of coefficients times vectors, without multiplying by 0, 1 and -1."""
    total = None
    for coefficient, vector in zip(coefficients, vectors, strict=True):
        if coefficient == 0:
            continue
        term = vector if abs(coefficient) == 1 else splat(abs(coefficient)) * vector
        if total is None:
            total = term if coefficient > 0 else splat(0.0) - term
        else:
            total = total + term if coefficient > 0 else total - term
    return total

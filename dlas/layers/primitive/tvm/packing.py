"""Weights as kernels read them: packed once, when the network is built."""

import numpy as np

from dlas.layers.primitive.tvm.expressions import first_input, span
from dlas.tensorir.layout import blocks
from dlas.tensorir.operators import Convolution, Weights


def tiled(operator: Convolution, lanes: int, tile: int) -> Weights:
    """O/(lanes tile), C, KH, KW, tile, lanes: what a register tile reads lies in the order in which it is read."""
    rows = _filled(spread(operator, lanes), tile * lanes)
    split = rows.reshape(-1, tile, lanes, *rows.shape[1:])
    return np.ascontiguousarray(split.transpose(0, 3, 4, 5, 1, 2))


def hwio(operator: Convolution, lanes: int) -> Weights:
    """KH, KW, C, O with outputs up to a multiple of the lanes."""
    return np.ascontiguousarray(_filled(spread(operator, lanes), lanes).transpose(2, 3, 1, 0))


def _filled(weights: Weights, multiple: int) -> Weights:
    """Outputs of zero weights up to a multiple."""
    rest = -len(weights) % multiple
    return np.pad(weights, [(0, rest), (0, 0), (0, 0), (0, 0)])


def spread(operator: Convolution, lanes: int) -> Weights:
    """O, C, KH, KW, where C are the input channels that a vector of outputs reads: zero between different groups."""
    weights = operator.weights
    if operator.groups == 1:
        return weights
    outputs, per_group, high, wide = weights.shape
    rows = np.zeros((outputs, span(operator, lanes), high, wide), np.float32)
    for output in range(outputs):
        own = output // (outputs // operator.groups) * per_group - first_input(operator, lanes, output // lanes)
        rows[output, own : own + per_group] = weights[output]
    return rows


def all_channels(operator: Convolution) -> Weights:
    """O, C, KH, KW, where C are the input channels of all groups: zero between different ones."""
    outputs, per_group, high, wide = operator.weights.shape
    rows = np.zeros((outputs, operator.groups, per_group, high, wide), np.float32)
    group = np.arange(outputs) // (outputs // operator.groups)
    rows[np.arange(outputs), group] = operator.weights
    return rows.reshape(outputs, -1, high, wide)


def depthwise(operator: Convolution, block: int) -> Weights:
    """C/block, KH, KW, block."""
    channels, _, high, wide = operator.weights.shape
    packed = np.zeros((blocks(channels, block) * block, high, wide), np.float32)
    packed[:channels] = operator.weights[:, 0]
    return np.ascontiguousarray(packed.reshape(-1, block, high, wide).transpose(0, 2, 3, 1))


def linear(weights: Weights, width: int) -> Weights:
    """Inputs x outputs as outputs/width, inputs, width."""
    inputs, outputs = weights.shape
    count = blocks(outputs, width)
    packed = np.zeros((inputs, count * width), np.float32)
    packed[:, :outputs] = weights
    return np.ascontiguousarray(packed.reshape(inputs, count, width).transpose(1, 0, 2))

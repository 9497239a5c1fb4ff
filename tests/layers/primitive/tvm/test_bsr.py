"""Block-compressed rows against torch, over every shape."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("tvm")
pytest.importorskip("torch")

from single import QUICK, SEVERAL, agree, random

from dlas.layers.primitive.tvm.bsr import Bsr, compressed
from dlas.layers.primitive.tvm.bsr_kernel import HEIGHT, Sizes
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution, Linear


def pruned(weights, share, seed=0):
    """Whole blocks of 16 x 1 are zero."""
    columns = weights.reshape(len(weights), -1)
    keep = np.random.default_rng(seed).random((-(-len(weights) // HEIGHT), columns.shape[1])) >= share
    return (columns * keep.repeat(HEIGHT, 0)[: len(weights)]).reshape(weights.shape).astype("float32")


@settings(QUICK, max_examples=2)
@given(operators=SEVERAL)
def test_block_sparse_convolutions_of_any_shape_are_torchs(operators):
    shares = (0.0, 0.5, 0.9, 0.9, 0.9, 1.0)
    drawn = [replace(o, weights=pruned(o.weights, share)) for o, share in zip(operators, shares, strict=True)]
    for operator, became in zip(drawn, agree(drawn, Bsr(0.0)), strict=True):
        assert became.sparse != operator.depthwise


def test_block_sparse_linear_operators_are_torchs():
    weights = np.ascontiguousarray(pruned(random(0, (20, 37)), 0.8).T)
    assert {became.primitive for became in agree([Linear(weights, rows) for rows in (1, 5)], Bsr(0.3))} == {"bsr"}


def test_only_blocks_that_hold_something_are_stored():
    weights = np.zeros((40, 4, 3, 3), "float32")
    weights[20, 3, 1, 2] = 1.5
    sizes = Sizes(Convolution(weights, (1, 4, 9, 7), padding=(1, 1, 1, 1)), machine("avx2"))
    values, offsets, pointers = compressed(sizes)
    assert values.shape == (1, HEIGHT)
    assert values[0, 4] == 1.5
    assert offsets.tolist() == [(1 * 9 + 2) * 8 + 3]
    assert pointers.tolist() == [0, 0, 1, 1]
    agree([sizes.operator], Bsr(0.3))


def test_scattered_zeros_stay_dense():
    weights = random(0, (32, 16, 3, 3))
    weights[np.random.default_rng(0).random(weights.shape) < 0.8] = 0
    operator = Convolution(weights, (1, 16, 8, 8), padding=(1, 1, 1, 1))
    assert agree([operator], Bsr(0.3))[0].primitive == "spatial-pack"

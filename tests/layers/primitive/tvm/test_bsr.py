"""Block-compressed rows against torch, over every shape."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tvm")
pytest.importorskip("torch")

from single import convolutions, expected, random, run

from dlas.layers.primitive.tvm.bsr import Bsr, compressed
from dlas.layers.primitive.tvm.bsr_kernel import HEIGHT, Sizes
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution, Linear


def pruned(weights, share, seed=0):
    """Whole blocks of 16 x 1 are zero."""
    columns = weights.reshape(len(weights), -1)
    keep = np.random.default_rng(seed).random((-(-len(weights) // HEIGHT), columns.shape[1])) >= share
    return (columns * keep.repeat(HEIGHT, 0)[: len(weights)]).reshape(weights.shape).astype("float32")


def agrees(operator, lowering, image):
    found, walked = run(operator, lowering, image)
    np.testing.assert_allclose(found, expected(operator, image), rtol=1e-4, atol=1e-5)
    return walked.lowered[0]


@settings(max_examples=8, derandomize=True, database=None)
@given(operator=convolutions(), share=st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_a_block_sparse_convolution_of_any_shape_is_torchs(operator, share):
    operator = replace(operator, weights=pruned(operator.weights, share))
    lowered = agrees(operator, Bsr(0.0), random(1, operator.image))
    assert lowered.sparse != operator.depthwise


@pytest.mark.parametrize("rows", [1, 5])
def test_a_block_sparse_linear_operator_is_torchs(rows):
    operator = Linear(np.ascontiguousarray(pruned(random(0, (20, 37)), 0.8).T), rows)
    assert agrees(operator, Bsr(0.3), random(1, (rows, 37))).primitive == "bsr"


def test_only_blocks_that_hold_something_are_stored():
    weights = np.zeros((40, 4, 3, 3), "float32")
    weights[20, 3, 1, 2] = 1.5
    sizes = Sizes(Convolution(weights, (1, 4, 9, 7), padding=(1, 1, 1, 1)), machine("avx2"))
    values, offsets, pointers = compressed(sizes)
    assert values.shape == (1, HEIGHT)
    assert values[0, 4] == 1.5
    assert offsets.tolist() == [(1 * 9 + 2) * 8 + 3]
    assert pointers.tolist() == [0, 0, 1, 1]
    agrees(sizes.operator, Bsr(0.3), random(1, sizes.operator.image))


def test_scattered_zeros_stay_dense():
    weights = random(0, (32, 16, 3, 3))
    weights[np.random.default_rng(0).random(weights.shape) < 0.8] = 0
    operator = Convolution(weights, (1, 16, 8, 8), padding=(1, 1, 1, 1))
    assert agrees(operator, Bsr(0.3), random(1, operator.image)).primitive == "spatial-pack"

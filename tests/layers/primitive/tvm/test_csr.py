"""Sparse primitives against torch, over every shape; what is stored and what is told of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tvm")
pytest.importorskip("torch")

from single import convolutions, expected, random, run

from dlas.layers.primitive.tvm import csr_planes, csr_rows
from dlas.layers.primitive.tvm.csr import CsrDirect, CsrGemm, CsrSpatialPack
from dlas.layers.primitive.tvm.csr_kernel import tiles
from dlas.tensorir.operators import Convolution, Linear

ALWAYS = [CsrDirect(threshold=0), CsrGemm(threshold=0), CsrSpatialPack(threshold=0)]


def pruned(weights, share, seed=0):
    keep = np.random.default_rng(seed).random(weights.shape) >= share
    return (weights * keep).astype("float32")


def agrees(operator, lowering, image):
    found, walked = run(operator, lowering, image)
    np.testing.assert_allclose(found, expected(operator, image), rtol=1e-4, atol=1e-5)
    return walked


@pytest.mark.parametrize("lowering", ALWAYS, ids=lambda one: one.name)
@settings(max_examples=6, derandomize=True, database=None)
@given(operator=convolutions(), share=st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_a_sparse_convolution_of_any_shape_is_torchs(lowering, operator, share):
    operator = replace(operator, weights=pruned(operator.weights, share))
    walked = agrees(operator, lowering, random(1, operator.image))
    if not operator.depthwise:
        assert walked.lowered[0].sparse
        assert walked.lowered[0].primitive == lowering.name


@pytest.mark.parametrize("lowering", ALWAYS, ids=lambda one: one.name)
@pytest.mark.parametrize("rows", [1, 11])
def test_a_sparse_linear_operator_is_torchs(lowering, rows):
    operator = Linear(pruned(random(0, (37, 10)), 0.8), rows)
    assert agrees(operator, lowering, random(1, (rows, 37))).lowered[0].sparse


def test_empty_rows_and_single_entries_are_kept_as_they_are():
    weights = np.zeros((5, 4, 3, 3), "float32")
    weights[2, 3, 0, 2] = 1.5
    weights[4, 0, 1, 1] = -2
    operator = Convolution(weights, (1, 4, 9, 7), padding=(1, 1, 1, 1))
    rows = csr_rows.compressed(operator, csr_planes.whole(operator, 8))
    assert rows.values.tolist() == [1.5, -2]
    assert rows.pointers.tolist() == [0, 0, 0, 1, 1, 2]
    agrees(operator, CsrDirect(threshold=0.65), random(1, operator.image))


def test_no_weights_at_all_give_the_bias():
    operator = Convolution(np.zeros((3, 4, 3, 3), "float32"), (1, 4, 6, 6))
    agrees(operator, CsrDirect(threshold=0.65), random(1, operator.image))


def test_an_operator_below_the_threshold_stays_dense():
    operator = Convolution(pruned(random(0, (16, 16, 3, 3)), 0.5), (1, 16, 8, 8), padding=(1, 1, 1, 1))
    lowered = agrees(operator, CsrDirect(threshold=0.65), random(1, operator.image)).lowered[0]
    assert not lowered.sparse
    assert lowered.primitive == "spatial-pack"


@settings(max_examples=4, derandomize=True, database=None)
@given(operator=convolutions(depthwise=True))
def test_a_depthwise_convolution_on_planes_is_torchs_and_is_called_dense(operator):
    lowering = replace(CsrDirect(threshold=0), planar=True)
    planned = _Fixed(lowering)
    walked = agrees(operator, planned, random(1, operator.image))
    if operator.depthwise:
        assert not walked.lowered[0].sparse
        assert walked.lowered[0].primitive == "direct"


class _Fixed:
    """A lowering that does not plan."""

    def __init__(self, lowering):
        self.convolution = lowering.convolution
        self.linear = lowering.linear


@given(operator=convolutions(), lanes=st.sampled_from([4, 8, 16]), registers=st.sampled_from([16, 32]))
def test_tiles_cover_every_output_once_or_more_and_nothing_outside_its_planes(operator, lanes, registers):
    for layout in (csr_planes.whole, csr_planes.slabs, csr_planes.patches):
        planes = layout(operator, lanes)
        covered = set()
        for group in tiles(planes, registers):
            for tile in range(group.count):
                starts = [group.first + (tile * group.vectors + k) * planes.vector for k in range(group.vectors)]
                starts[-1] = group.last if group.last >= 0 else starts[-1]
                covered.update(at + lane for at in starts for lane in range(planes.vector))
        assert set(range(planes.positions)) <= covered
        furthest = max(covered) + max(planes.offset(0, place) for place in range(len(planes.shifts)))
        assert furthest < planes.size * len(planes.views) * planes.channels

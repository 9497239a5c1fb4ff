"""The dense primitives in TVM against torch, over a space of shapes that holds odd and tiny ones."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("tvm")
sys.path.insert(0, str(Path(__file__).parent))

from kernels import expected, module, relative_error, run

from dlas.layers.primitive.tvm.direct import Direct
from dlas.layers.primitive.tvm.gemm import Gemm
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.tensorir.operators import Convolution, Linear

PRIMITIVES = (SpatialPack(), Direct(), Gemm())
TOLERANCE = 1e-5
NAMED = pytest.mark.parametrize("lowering", PRIMITIVES, ids=lambda lowering: type(lowering).__name__)
FEW = settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def drawn(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@st.composite
def convolutions(draw):
    """Any kernel, stride, dilation, padding, number of groups and of images."""
    groups = draw(st.sampled_from([1, 1, 2, 3, 5]))
    per_group, outputs = draw(st.integers(1, 9)), draw(st.integers(1, 13))
    if draw(st.booleans()):
        groups, per_group, outputs = per_group * groups, 1, 1
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    strides, dilation = (draw(st.tuples(st.integers(1, 3), st.integers(1, 2))) for _ in range(2))
    padding = draw(st.tuples(*[st.integers(0, 2)] * 4))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    sizes = [max(1, r - p) + draw(st.integers(0, 13)) for r, p in zip(reach, padding, strict=False)]
    image = (draw(st.integers(1, 3)), groups * per_group, *sizes)
    return Convolution(drawn(1, groups * outputs, per_group, *kernel), image, strides, padding, dilation, groups)


@NAMED
@FEW
@given(operator=convolutions(), activation=st.booleans())
def test_a_convolution_is_torchs(lowering, operator, activation):
    inputs = drawn(0, *operator.image)
    wanted = expected(operator, inputs)
    wanted = np.maximum(wanted, 0) if activation else wanted
    assert relative_error(run(lowering, operator, inputs, activation=activation), wanted) < TOLERANCE


CASES = {
    "first layer": Convolution(drawn(1, 20, 3, 3, 3), (1, 3, 15, 17), (2, 2), (1, 1, 1, 1)),
    "depthwise": Convolution(drawn(1, 20, 1, 3, 3), (2, 20, 13, 11), (2, 1), (0, 1, 2, 1), (1, 1), 20),
    "large depthwise": Convolution(drawn(1, 16, 1, 5, 5), (1, 16, 9, 9), (1, 1), (4, 4, 4, 4), (2, 2), 16),
    "multiplier": Convolution(drawn(1, 18, 1, 3, 3), (1, 6, 7, 7), (1, 1), (1, 1, 1, 1), (1, 1), 6),
    "groups across a vector": Convolution(drawn(1, 15, 4, 3, 3), (1, 12, 7, 5), (1, 1), (1, 1, 1, 1), (1, 1), 3),
    "aligned groups": Convolution(drawn(1, 32, 16, 3, 3), (1, 32, 7, 5), (1, 1), (1, 1, 1, 1), (1, 1), 2),
    "pointwise, prime pixels": Convolution(drawn(1, 24, 40, 1, 1), (1, 40, 13, 13)),
    "one pixel": Convolution(drawn(1, 9, 17, 1, 1), (3, 17, 1, 1)),
    "tall kernel": Convolution(drawn(1, 8, 8, 7, 1), (1, 8, 9, 6), (1, 1), (3, 0, 3, 0)),
}


@NAMED
@pytest.mark.parametrize("case", CASES)
def test_named_cases_are_torchs(lowering, case):
    operator = CASES[case]
    inputs = drawn(0, *operator.image)
    assert relative_error(run(lowering, operator, inputs), expected(operator, inputs)) < TOLERANCE


@pytest.mark.parametrize(("rows", "inputs", "outputs"), [(1, 64, 10), (1, 33, 1000), (5, 7, 3), (8, 96, 65)])
def test_a_linear_operator_is_a_matrix_product(rows, inputs, outputs):
    operator, values = Linear(drawn(1, inputs, outputs), rows), drawn(0, rows, inputs)
    assert relative_error(run(SpatialPack(), operator, values), expected(operator, values)) < TOLERANCE


@pytest.mark.parametrize("schedule", ["fixed", "naive"])
@NAMED
def test_the_starting_points_are_right_too(lowering, schedule):
    operator = CASES["first layer"]
    inputs = drawn(0, *operator.image)
    assert relative_error(run(lowering, operator, inputs, schedule=schedule), expected(operator, inputs)) < TOLERANCE


@pytest.mark.parametrize("isa", ["avx512", "amx"])
def test_wider_instruction_sets_get_wider_vectors(isa):
    operator = CASES["pointwise, prime pixels"]
    script = module(SpatialPack(), operator, operator.image, isa).script()
    assert "T.vectorized(T.int64(16))" in script
    assert "T.vectorized(T.int64(8))" not in script

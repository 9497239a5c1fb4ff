"""Weights stored in float16: right under every primitive, and half as many bytes."""

import numpy as np
import pytest

pytest.importorskip("tvm")
pytest.importorskip("torch")

from single import expected, random, run

from dlas.layers.codegen.tvm import building
from dlas.layers.primitive.tvm.bsr import Bsr
from dlas.layers.primitive.tvm.csr import CsrDirect
from dlas.layers.primitive.tvm.direct import Direct
from dlas.layers.primitive.tvm.gemm import Gemm
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.layers.primitive.tvm.winograd import Winograd
from dlas.tensorir.operators import Convolution, Linear

EXACT = [SpatialPack(), Direct(), Gemm(), CsrDirect(threshold=0.0), Bsr(0.0)]


def half(shape):
    return random(0, shape).astype(np.float16).astype(np.float32)


def stored(walked):
    return building.constants_size(walked.module)


@pytest.mark.parametrize("lowering", EXACT, ids=lambda lowering: getattr(lowering, "name", type(lowering).__name__))
def test_values_that_are_halves_lose_nothing(lowering):
    operator = Convolution(half((16, 8, 3, 3)), (1, 8, 6, 6), padding=(1, 1, 1, 1))
    image = random(1, operator.image)
    found, walked = run(operator, lowering, image, storage="float16")
    np.testing.assert_allclose(found, expected(operator, image), rtol=1e-4, atol=1e-5)
    indices = 4 * (operator.weights.size + 17) if walked.lowered[0].sparse else 0
    assert stored(walked) <= 2 * operator.weights.size + indices + 4 * 16


def test_a_depthwise_convolution_and_a_linear_operator_are_stored_so_too():
    for operator in (
        Convolution(half((16, 1, 3, 3)), (1, 16, 6, 6), groups=16),
        Linear(half((24, 16)), 2),
    ):
        shape = operator.image if isinstance(operator, Convolution) else (2, 24)
        image = random(1, shape)
        found, walked = run(operator, SpatialPack(), image, storage="float16")
        np.testing.assert_allclose(found, expected(operator, image), rtol=1e-4, atol=1e-5)
        assert stored(walked) <= 2 * operator.weights.size + 4 * 16


def test_transformed_weights_are_rounded_once_more():
    operator = Convolution(half((32, 32, 3, 3)), (1, 32, 14, 14), padding=(1, 1, 1, 1))
    image = random(1, operator.image)
    found, walked = run(operator, Winograd("4"), image, storage="float16")
    truth = expected(operator, image)
    assert walked.lowered[0].primitive == "winograd"
    assert 1e-6 < np.abs(found - truth).max() / np.abs(truth).max() < 2e-2

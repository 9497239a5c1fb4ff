"""Convolutions and linear operators as matrix products of torch, dense and sparse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from dlas.layers.primitive.torch.csr import CsrGemm  # noqa: E402
from dlas.layers.primitive.torch.gemm import Gemm  # noqa: E402

LOWERINGS = pytest.mark.parametrize("lowering", [Gemm(), CsrGemm(0.0)], ids=lambda made: type(made).__name__)
sizes = st.integers(1, 3)
pairs = st.tuples(sizes, sizes)


@st.composite
def convolutions(draw):
    """A module with some zeros, and an image that it takes."""
    groups, kernel, dilation, padding = draw(sizes), draw(pairs), draw(pairs), draw(pairs)
    inputs, outputs = groups * draw(sizes), groups * draw(sizes)
    torch.manual_seed(draw(st.integers(0, 99)))
    settings = {"stride": draw(pairs), "padding": padding, "dilation": dilation, "groups": groups}
    module = torch.nn.Conv2d(inputs, outputs, kernel, bias=draw(st.booleans()), **settings)
    module.weight.data *= torch.rand_like(module.weight) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    reach = [max(1, d * (k - 1) + 1 - 2 * p) for d, k, p in zip(dilation, kernel, padding, strict=True)]
    return module, torch.randn(draw(sizes), inputs, *(r + draw(st.integers(0, 6)) for r in reach))


@LOWERINGS
@settings(max_examples=40, derandomize=True, database=None)
@given(drawn=convolutions())
def test_a_convolution_is_a_product_of_patches(lowering, drawn):
    module, image = drawn
    with torch.inference_mode():
        torch.testing.assert_close(lowering.convolution(module)(image), module(image), rtol=1e-4, atol=1e-5)


@LOWERINGS
def test_a_linear_operator_is_a_product(lowering):
    module, rows = torch.nn.Linear(7, 5), torch.randn(3, 7)
    module.weight.data[2] = 0
    with torch.inference_mode():
        torch.testing.assert_close(lowering.linear(module)(rows), module(rows))


def test_sparse_enough_operators_are_taken_and_no_depthwise_ones():
    half, dense, depthwise = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4), torch.nn.Conv2d(4, 4, 3, groups=4)
    half.weight.data[:2] = 0
    depthwise.weight.data[:] = 0
    lowering = CsrGemm(0.5)
    assert [lowering.takes(module) for module in (half, dense, depthwise)] == [True, False, False]


def test_a_border_that_is_not_zeros_is_left_to_torch():
    assert not Gemm().takes(torch.nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"))

"""Winograd against torch; where it falls back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tvm")
pytest.importorskip("torch")

from single import QUICK, agree, random

from dlas.layers.primitive.tvm.winograd import Winograd, pays, side
from dlas.tensorir.operators import Convolution, Linear


@st.composite
def convolutions(draw):
    """3x3 convolutions of so many channels that a transform may pay; sums are near 1."""
    inputs, outputs = draw(st.integers(32, 41)), draw(st.integers(32, 41))
    weights = random(0, (outputs, inputs, 3, 3)) / np.float32(17)
    image = draw(st.integers(1, 2)), inputs, draw(st.integers(7, 17)), draw(st.integers(7, 17))
    return Convolution(weights, image, padding=draw(st.tuples(*[st.integers(0, 2)] * 4)))


@pytest.mark.parametrize("tile", ["2", "4"])
@settings(QUICK, max_examples=1)
@given(operators=st.lists(convolutions(), min_size=4, max_size=4))
def test_transformed_convolutions_of_any_shape_are_torchs(tile, operators):
    for operator, became in zip(operators, agree(operators, Winograd(tile), atol=1e-4), strict=True):
        assert became.primitive == ("winograd" if pays(operator, tile) else "spatial-pack")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"strides": (2, 2)}, "stride"),
        ({"dilation": (2, 2)}, "dilation"),
        ({"weights": np.zeros((64, 64, 1, 1), "float32")}, "kernel"),
        ({"weights": np.zeros((64, 32, 3, 3), "float32"), "groups": 2}, "groups"),
        ({"weights": np.zeros((16, 64, 3, 3), "float32")}, "few channels"),
        ({"image": (1, 64, 4, 4)}, "tiny image"),
    ],
)
def test_what_does_not_pay_falls_back(changes, why):
    fitting = {"weights": np.zeros((64, 64, 3, 3), "float32"), "image": (1, 64, 28, 28)}
    assert pays(Convolution(**fitting), "auto")
    assert not pays(Convolution(**{**fitting, **changes}), "auto"), why


def test_the_larger_tile_needs_an_image_that_fills_it():
    sizes = {size: Convolution(np.zeros((64, 64, 3, 3), "float32"), (1, 64, size, size)) for size in (9, 30)}
    assert {size: side(operator, "auto") for size, operator in sizes.items()} == {9: 2, 30: 4}


def test_a_linear_operator_is_left_as_it_is():
    operator = Linear(random(0, (20, 10)), 2)
    assert agree([operator], Winograd("auto"))[0].primitive == "spatial-pack"

"""Weights in fewer bits: what is stored, and what comes out again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from dlas.errors import Inapplicable
from dlas.layers.compression import storage

UPS = st.floats(2**-7, 9, width=32)
SHAPES = array_shapes(min_dims=2, max_dims=4, max_side=5)


@given(arrays(np.uint8, SHAPES, elements=st.integers(0, 3)))
def test_codes_survive_being_packed_four_to_a_byte(codes):
    packed = storage.pack(codes)
    assert packed.nbytes == -(-codes.size // 4)
    assert np.array_equal(storage.CODES[packed].ravel()[: codes.size], codes.ravel())


@given(arrays(np.int8, SHAPES, elements=st.integers(-1, 1)), UPS, UPS)
def test_a_ternary_weight_is_its_levels_at_its_codes(signs, up, down):
    weight = np.where(signs > 0, up, np.where(signs < 0, -down, 0)).astype(np.float32)
    codes, levels = storage.ternary_codes(weight)
    assert np.array_equal(levels[codes], weight)


def test_a_weight_of_four_values_is_not_its_levels():
    weight = np.array([[1.0, 2.0, -1.0, 0.0]], np.float32)
    codes, levels = storage.ternary_codes(weight)
    assert not np.array_equal(levels[codes], weight)


@pytest.mark.parametrize(("kind", "bits"), [("float16", 11), ("bfloat16", 8)])
def test_half_precision_is_the_nearest(kind, bits):
    value = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    half = storage.rounded(value, kind)
    assert half.itemsize == 2
    assert (np.abs(half.astype(np.float32) / value - 1) <= 2.0**-bits).all()


def test_a_weight_beyond_the_range_is_refused():
    with pytest.raises(Inapplicable, match=r"a weight of this network is 7e\+04, beyond the range of float16"):
        storage.rounded(np.array([-7e4], np.float32), "float16")

"""Weights as kernels read them."""

import numpy as np
import pytest

from dlas.layers.primitive.tvm import packing
from dlas.tensorir.operators import Convolution


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_over_all_channels_a_group_has_its_own_and_zeros_beside_them(groups):
    weights = np.random.default_rng(0).uniform(1, 2, (6, 2, 3, 1)).astype(np.float32)
    found = packing.all_channels(Convolution(weights, (1, 2 * groups, 5, 5), groups=groups))
    assert found.shape == (6, 2 * groups, 3, 1)
    assert np.count_nonzero(found) == weights.size
    for output in range(6):
        first = output * groups // 6 * 2
        np.testing.assert_array_equal(found[output, first : first + 2], weights[output])

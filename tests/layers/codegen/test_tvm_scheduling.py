"""How kernels that no primitive names a schedule for are scheduled."""

import numpy as np
import pytest

pytest.importorskip("tvm")

from dlas.layers.codegen.tvm import scheduling
from dlas.tensorir.machine import machine


def scaled(channels, high, wide):
    """A plain image times a number for each channel, scheduled; as text."""
    from tvm import relax

    builder = relax.BlockBuilder()
    image = relax.Var("image", relax.TensorType((1, channels, high, wide), "float32"))
    factors = relax.const(np.ones((1, channels, 1, 1), np.float32))
    with builder.function("main", [image]):
        with builder.dataflow():
            output = builder.emit_output(builder.emit(relax.op.multiply(image, factors)))
        builder.emit_func_output(output)
    module = scheduling.kernels(builder.get(), machine("avx512"), "default")
    return module["multiply"].script()


@pytest.mark.parametrize(("channels", "high", "wide"), [(37, 28, 28), (80, 7, 7), (64, 4, 4)])
def test_no_vector_of_a_plain_image_asks_which_channel_each_lane_is_of(channels, high, wide):
    text = scaled(channels, high, wide)
    assert f"T.parallel(T.int64({channels}))" in text
    assert f"// T.int64({high * wide})" not in text


def test_channels_of_few_pixels_are_one_vector():
    assert "T.vectorized(T.int64(32))" in scaled(64, 1, 1)

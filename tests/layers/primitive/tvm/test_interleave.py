"""What is done with an image before a written-out kernel reads it: words of four channels, borders."""

import numpy as np
import pytest

pytest.importorskip("tvm")

from dlas.layers.codegen.tvm import machinecode
from dlas.layers.primitive.tvm.buffers import padded
from dlas.layers.primitive.tvm.interleave import interleavable, interleaved
from dlas.tensorir.emitter import OPAQUE, Emitter, Value
from dlas.tensorir.layout import PLAIN
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution
from dlas.tensorir.primfunc import argument, extents, primfunc

AVX2 = machine("avx2")


def ran(images, emit):
    """What `emit` makes of images (uint8), compiled as written and run."""
    import tvm
    from tvm import relax
    from tvm.runtime.vm import VirtualMachine

    emitter = Emitter(relax.BlockBuilder(), AVX2, "default")
    var = relax.Var("images", relax.TensorType(images.shape, "uint8"))
    with emitter.builder.function("main", [var]):
        with emitter.builder.dataflow():
            output = emitter.builder.emit_output(emit(emitter, var))
        emitter.builder.emit_func_output(output)
    call = VirtualMachine(machinecode.compiled(emitter.builder.get(), AVX2), tvm.cpu())["main"]
    return call(tvm.runtime.tensor(images)).numpy()


def drawn(shape):
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (2, 4, 2, 4), (1, 9, 3, 8), (3, 1, 8, 1)])
def test_planes_become_words_of_four_channels_and_what_is_missing_is_zero(shape):
    images = drawn(shape)
    batch, channels, high, wide = shape
    found = ran(images, lambda emitter, var: interleaved(emitter, Value(var, shape, PLAIN)).var)
    whole = np.pad(images, ((0, 0), (0, -channels % 4), (0, 0), (0, 0)))
    words = whole.reshape(batch, -1, 4, high, wide).transpose(0, 1, 3, 4, 2)
    np.testing.assert_array_equal(found, words)


def test_only_plain_images_that_fill_vectors_are_interleaved():
    from tvm import relax

    emitter = Emitter(relax.BlockBuilder(), AVX2, "default")
    assert interleavable(emitter, Value(None, (1, 3, 4, 4), PLAIN))
    assert not interleavable(emitter, Value(None, (1, 3, 3, 5), PLAIN))
    assert not interleavable(emitter, Value(None, (1, 3, 4, 4), 4))


@pytest.mark.parametrize("padding", [(1, 1, 1, 1), (2, 0, 0, 3), (0, 0, 0, 0)])
@pytest.mark.parametrize("wide", [3, 4])
def test_a_padded_image_holds_the_image_and_the_border_around_it(padding, wide):
    images = drawn((2, 3, 5, wide, 4))  # batch, blocks of channels, rows, columns, channels
    operator = Convolution(np.zeros((1, 12, 1, 1), "float32"), (2, 12, 5, wide), padding=padding)
    top, left, bottom, right = padding
    shape = (2, 3, 5 + top + bottom, wide + left + right, 4)
    found = ran(images, lambda emitter, var: emitter.kernel("pad", _pad(operator, shape), [var], shape, "uint8"))
    around = ((0, 0), (0, 0), (top, bottom), (left, right), (0, 0))
    np.testing.assert_array_equal(found, np.pad(images, around, constant_values=7))


def _pad(operator, shape):
    """PrimFunc that copies what `padded` makes, with sevens for a border."""
    from tvm.script.ir_builder import tirx

    with primfunc("pad", OPAQUE) as builder:
        batch, channels, high, wide = operator.image
        image = argument("image", (batch, channels // 4, high, wide, 4), "uint8")
        out = argument("out", shape, "uint8")
        filled = padded(operator, image, *shape[2:4], border=7)
        with tirx.grid(*extents(*shape)) as at, tirx.sblock("copy"):
            place = list(tirx.axis.remap("SSSSS", list(at)))
            tirx.buffer_store(out, filled[tuple(place)], place)
    return builder.get()

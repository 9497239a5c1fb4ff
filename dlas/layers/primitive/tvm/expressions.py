"""Convolutions as tensor expressions, whatever blocks their input and output have."""

from collections.abc import Callable, Mapping
from typing import Any

from dlas.tensorir.emitter import widened
from dlas.tensorir.layout import PLAIN, element, stored
from dlas.tensorir.operators import Convolution

ANCHOR, PAD, PATCHES = "anchor", "pad", "patches"
WeightAt = Callable[..., Any]  # tensor, output block, place in it, input channel, kernel row, kernel column
Expression = Callable[[Any, Any], Any]  # image, weights


def padded(tensor: Any, operator: Convolution, block: int, border: int = 0) -> Any:
    """The image with its border of zeros, or of what stands for zero; the image itself where it needs none."""
    from tvm import topi

    if not any(operator.padding):
        return tensor
    top, left, bottom, right = operator.padding
    inner = [] if block == PLAIN else [0]
    return topi.nn.pad(tensor, [0, 0, top, left, *inner], [0, 0, bottom, right, *inner], border, name=PAD)


def span(operator: Convolution, lanes: int) -> int:
    """Input channels that the outputs of one vector read together: those of every group that it touches."""
    outputs, per_group = operator.weights.shape[:2]
    of_group = outputs // operator.groups
    ends = ((first, min(first + lanes, outputs) - 1) for first in range(0, outputs, lanes))
    return int(per_group * max(last // of_group - first // of_group + 1 for first, last in ends))


def first_input(operator: Convolution, lanes: int, vector: Any) -> Any:
    """The first of the `span` input channels that a vector of outputs reads; for numbers and for expressions."""
    if operator.groups == 1:
        return 0
    outputs, per_group = operator.weights.shape[:2]
    start = vector * lanes // (outputs // operator.groups) * per_group
    last = operator.image[1] - span(operator, lanes)
    if isinstance(start, int):
        return min(start, last)
    from tvm import tirx

    return tirx.min(start, last)


def convolution(
    operator: Convolution, block: int, out: int, lanes: int, weight_at: WeightAt, attrs: Mapping[str, Any]
) -> Expression:
    """A convolution from an image with one block to an output with another."""

    def expression(image: Any, weights: Any) -> Any:
        from tvm import te

        source = padded(image, operator, block)
        (down, across), (high, wide) = operator.strides, operator.dilation
        c, i, j = _reduction(operator, lanes)

        def product(n: Any, o: Any, h: Any, w: Any, v: Any) -> Any:
            channel = first_input(operator, lanes, (o * out + v) // lanes) + c
            pixel = element(source, block, n, channel, h * down + i * high, w * across + j * wide)
            return te.sum(pixel * widened(weight_at(weights, o, v, c, i, j)), axis=[c, i, j])

        return te.compute(stored(operator.output, out), product, name=ANCHOR, attrs=dict(attrs))

    return expression


def depthwise(operator: Convolution, block: int, attrs: Mapping[str, Any]) -> Expression:
    """A depthwise convolution that keeps the block; weights are C/block, KH, KW, block."""

    def expression(image: Any, weights: Any) -> Any:
        from tvm import te

        source = padded(image, operator, block)
        (down, across), (high, wide) = operator.strides, operator.dilation
        _, i, j = _reduction(operator, block)

        def product(n: Any, c: Any, h: Any, w: Any, v: Any) -> Any:
            pixel = source[n, c, h * down + i * high, w * across + j * wide, v]
            return te.sum(pixel * widened(weights[c, i, j, v]), axis=[i, j])

        return te.compute(stored(operator.output, block), product, name=ANCHOR, attrs=dict(attrs))

    return expression


def product_of_patches(operator: Convolution, block: int, out: int, lanes: int, attrs: Mapping[str, Any]) -> Expression:
    """im2col and a matrix product: rows are output pixels; weights are KH, KW, C, O (KH, KW, 1, C where depthwise)."""

    def expression(image: Any, weights: Any) -> Any:
        from tvm import te

        batch, _, high, wide = operator.output
        patches = _patches(operator, block, image)
        c, i, j = _reduction(operator, lanes)

        def product(n: Any, p: Any, v: Any) -> Any:
            if operator.depthwise:
                return te.sum(patches[n, p, i, j, v] * widened(weights[i, j, 0, v]), axis=[i, j])
            channel = first_input(operator, lanes, v // lanes) + c
            return te.sum(patches[n, p, i, j, channel] * widened(weights[i, j, c, v]), axis=[i, j, c])

        rows = te.compute((batch, high * wide, out), product, name=ANCHOR, attrs=dict(attrs))
        unfolded = stored(operator.output, out)
        return te.compute(unfolded, lambda n, _, h, w, v: rows[n, h * wide + w, v], name="unfold")

    return expression


def _patches(operator: Convolution, block: int, image: Any) -> Any:
    """N, pixels, KH, KW, C: what each output pixel reads; the image itself where that is one pixel, its own."""
    from tvm import te

    batch, _, high, wide = operator.output
    channels = operator.image[1] if block == PLAIN else int(image.shape[-1])
    source = padded(image, operator, block)
    (down, across), (far, apart) = operator.strides, operator.dilation

    def pixel(n: Any, p: Any, i: Any, j: Any, c: Any) -> Any:
        return element(source, block, n, c, p // wide * down + i * far, p % wide * across + j * apart)

    return te.compute((batch, high * wide, *operator.kernel, channels), pixel, name=PATCHES)


def _reduction(operator: Convolution, lanes: int) -> tuple[Any, Any, Any]:
    from tvm import te

    c = te.reduce_axis((0, span(operator, lanes)), "c")
    i, j = (te.reduce_axis((0, k), name) for k, name in zip(operator.kernel, "ij", strict=True))
    return c, i, j

"""Integer convolutions and linear operators: bytes times bytes, by tiles (AMX) or four an instruction (VNNI)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlas.layers.primitive.tvm import expressions, integer_depthwise, integer_tiles, linear, packing, tiles
from dlas.layers.primitive.tvm.expressions import ANCHOR, Expression
from dlas.layers.primitive.tvm.interleave import interleavable, interleaved
from dlas.layers.primitive.tvm.vnni import GROUP
from dlas.tensorir.emitter import Emitter, Lowered, Value, times
from dlas.tensorir.layout import blocks, element, stored
from dlas.tensorir.operators import Convolution, Linear

Bytes = NDArray[np.int8]
_SCHEDULES = "dlas.layers.primitive.tvm.integer_schedule"


def convolution(emitter: Emitter, operator: Convolution, image: Value, zero: int, name: str) -> Lowered:
    """Sums in blocks of a vector, which reads the input channels of all groups that it touches."""
    lanes = emitter.machine.lanes
    if operator.depthwise:
        return _depthwise(emitter, operator, emitter.reblocked(image, lanes), zero, name)
    if integer_tiles.fits(emitter.machine, operator):
        return integer_tiles.convolution(emitter, operator, image, zero, name)
    if operator.groups > 1 or image.block % GROUP:
        image = _fours_together(emitter, image) if operator.groups == 1 else emitter.reblocked(image, lanes)
    if not _aligned(operator, lanes):
        operator = replace(operator, weights=packing.all_channels(operator), groups=1)
    tile = tiles.chosen(emitter, operator, blocks(operator.output[1], lanes), _of_bytes(operator, lanes))
    attrs = {"schedule": f"{_SCHEDULES}.pack", "vnni": int(emitter.machine.vnni), **tile.attrs}
    weights = _packed(packing.spread(operator, lanes), lanes, tile.blocks)
    expression = _expression(operator, image.block, zero, lanes, attrs)
    var = emitter.compute("integer_pack", expression, image.var, weights)
    return Lowered(Value(var, operator.output, lanes), name, f"{tile} int8", precision="int8")


def _of_bytes(operator: Convolution, lanes: int) -> tiles.Read:
    """An image of bytes is small: read again for every tile of channels, it costs less than many outputs at once."""
    groups = blocks(expressions.span(operator, lanes), GROUP)
    unroll = next(u for u in (4, 2, 3, 1) if groups % u == 0)
    return lambda tile: replace(tile, part=0, group=1, unroll=unroll)


def _fours_together(emitter: Emitter, image: Value) -> Value:
    """The image in blocks of a multiple of four channels."""
    if interleavable(emitter, image):
        return interleaved(emitter, image)
    return emitter.reblocked(image, min(emitter.machine.lanes, blocks(image.shape[1], GROUP) * GROUP))


def _expression(operator: Convolution, block: int, zero: int, lanes: int, attrs: Mapping[str, Any]) -> Expression:
    """Sums over four input channels at a time of an image with one block; `weights` are `_packed`."""

    def expression(tensor: Any, weights: Any) -> Any:
        from tvm import te

        source, together = expressions.padded(tensor, operator, block, zero), attrs["blocks"]
        (down, across), (far, apart) = operator.strides, operator.dilation
        sizes = (blocks(expressions.span(operator, lanes), GROUP), *operator.kernel, GROUP)
        c, i, j, k = (te.reduce_axis((0, size), axis) for size, axis in zip(sizes, "cijk", strict=True))

        def product(n: Any, o: Any, h: Any, w: Any, v: Any) -> Any:
            place = h * down + i * far, w * across + j * apart
            first = expressions.first_input(operator, lanes, o) // lanes * lanes  # the same, see `_aligned`
            pixel = element(source, block, n, first + c * GROUP + k, *place)
            return te.sum(times(pixel, weights[o // together, c, i, j, o % together, v, k]), axis=[c, i, j, k])

        return te.compute(stored(operator.output, lanes), product, name=ANCHOR, attrs=dict(attrs))

    return expression


def _depthwise(emitter: Emitter, operator: Convolution, image: Value, zero: int, name: str) -> Lowered:
    tile = tiles.chosen_depthwise(emitter, operator, tiles.whole, itemsize=1)
    plan = integer_depthwise.Plan(operator, emitter.machine, tile, zero)
    shape = stored(operator.output, image.block)
    inputs = [image.var, integer_depthwise.weights(plan)]
    var = emitter.kernel("integer_depthwise", integer_depthwise.kernel(plan), inputs, shape, "int32")
    return Lowered(Value(var, operator.output, image.block), name, f"{tile} int8", precision="int8")


def _aligned(operator: Convolution, lanes: int) -> bool:
    """Whether every vector's first input channel begins a block: TVM has to see that four bytes lie together."""
    vectors = range(blocks(operator.output[1], lanes))
    return all(expressions.first_input(operator, lanes, vector) % lanes == 0 for vector in vectors)


def _packed(weights: NDArray[np.float32], lanes: int, tile: int) -> Bytes:
    """O/(lanes tile), C/4, KH, KW, tile, lanes, 4: as one instruction after the other reads them."""
    outputs, channels = -len(weights) % (tile * lanes), -weights.shape[1] % GROUP
    filled = np.pad(weights, [(0, outputs), (0, channels), (0, 0), (0, 0)])
    split = filled.reshape(-1, tile, lanes, filled.shape[1] // GROUP, GROUP, *filled.shape[2:])
    return np.ascontiguousarray(split.transpose(0, 3, 5, 6, 1, 2, 4).astype(np.int8))


def rows_times(emitter: Emitter, operator: Linear, rows: Value, name: str) -> Lowered:
    """Sums of a linear operator, N, C; `rows` is plain."""
    from tvm import te, topi

    inputs, outputs = operator.weights.shape
    lanes, groups = emitter.machine.lanes, blocks(inputs, GROUP)
    together, vectors = linear.tile(emitter, operator)
    width = vectors * lanes
    sizes = {"rows": together, "lanes": lanes, "vnni": int(emitter.machine.vnni)}
    attrs = {"schedule": f"{_SCHEDULES}.linear", **sizes}

    def expression(tensor: Any, weights: Any) -> Any:
        c, k = te.reduce_axis((0, groups), "c"), te.reduce_axis((0, GROUP), "k")
        rest = groups * GROUP - inputs
        source = topi.nn.pad(tensor, [0, 0], [0, rest], name=expressions.PAD) if rest else tensor
        product = te.compute(
            (operator.rows, blocks(outputs, width), width),
            lambda n, o, v: te.sum(times(source[n, c * GROUP + k], weights[o, c, v, k]), axis=[c, k]),
            name=ANCHOR,
            attrs=attrs,
        )
        return te.compute((operator.rows, outputs), lambda n, o: product[n, o // width, o % width], name="unpack")

    var = emitter.compute("integer_linear", expression, rows.var, _packed_rows(operator.weights, width))
    return Lowered(Value(var, (operator.rows, outputs)), name, f"{together}x{width} int8", precision="int8")


def _packed_rows(weights: NDArray[np.float32], width: int) -> Bytes:
    """Inputs x outputs as outputs/width, inputs/4, width, 4."""
    inputs, outputs = weights.shape
    filled = np.pad(weights, [(0, -inputs % GROUP), (0, -outputs % width)])
    split = filled.reshape(-1, GROUP, filled.shape[1] // width, width)
    return np.ascontiguousarray(split.transpose(2, 0, 3, 1).astype(np.int8))

"""The Winograd kernel on blocked channels: pad, transform the input, multiply, transform the output."""

from dataclasses import dataclass
from typing import Any

from dlas.layers.primitive.tvm.buffers import argument, extents
from dlas.layers.primitive.tvm.winograd_transforms import INPUT, OUTPUT, combination
from dlas.tensorir.emitter import FUSABLE, widened
from dlas.tensorir.layout import blocks, stored
from dlas.tensorir.machine import Machine
from dlas.tensorir.operators import Convolution

ANCHOR, PAD, TRANSFORM, UNPACK = "anchor", "pad", "transform", "unpack"
SCHEDULE = "dlas.layers.primitive.tvm.winograd_schedule.winograd"


@dataclass(frozen=True)
class Plan:
    """Sizes of a kernel: `m` outputs a side, tiles down and across, `vectors` of outputs at a time."""

    operator: Convolution
    m: int
    machine: Machine

    @property
    def side(self) -> int:
        """Inputs of a tile along one side."""
        return self.m + 2

    @property
    def down(self) -> int:
        """Tiles in a column."""
        return -(-self.operator.output[2] // self.m)

    @property
    def across(self) -> int:
        """Tiles in a row."""
        return -(-self.operator.output[3] // self.m)

    @property
    def vectors(self) -> int:
        """Vectors of output channels multiplied together."""
        return 2 if blocks(self.operator.output[1], self.machine.lanes) % 2 == 0 else 1

    @property
    def groups(self) -> list[tuple[int, int, int]]:
        """First, count and size of groups of tiles whose sums fit the registers; sizes differ by one at most."""
        total = self.down * self.across
        most = (self.machine.registers - 4) // self.vectors
        count = -(-total // most)
        small, larger = divmod(total, count)
        found = [(0, larger, small + 1), (larger * (small + 1), count - larger, small)]
        return [group for group in found if group[1]]


def winograd(plan: Plan, weights: tuple[int, ...], storage: str) -> Any:
    """PrimFunc of a blocked image, transformed weights of this shape (stored in that type), and a blocked output."""
    from tvm.script.ir_builder import IRBuilder, tirx

    operator, lanes = plan.operator, plan.machine.lanes
    with IRBuilder() as builder, tirx.prim_func(is_private=True, s_tir=True):
        tirx.func_name("winograd")
        tirx.func_attr({**FUSABLE, "tirx.noalias": True})
        image = argument("image", stored(operator.image, lanes))
        packed = argument("weights", weights, storage)
        out = argument("out", stored(operator.output, lanes))
        padded = _padded(plan, image)
        _products(plan, _transformed(plan, padded), packed, out)
    return builder.get()


def _padded(plan: Plan, image: Any) -> Any:
    """The image with its border, and zeros up to whole tiles."""
    from tvm.script.ir_builder import tirx

    (_, _, high, wide), (top, left) = plan.operator.image, plan.operator.padding[:2]
    batch, outer, _, _, lanes = image.shape
    shape = (int(batch), int(outer), plan.down * plan.m + 2, plan.across * plan.m + 2, int(lanes))
    padded = tirx.sblock_alloc_buffer(extents(*shape))
    with tirx.grid(*extents(*shape)) as (n, c, h, w, v), tirx.sblock(PAD):
        n, c, h, w, v = tirx.axis.remap("SSSSS", [n, c, h, w, v])
        inside = tirx.And(tirx.And(h >= top, h < high + top), tirx.And(w >= left, w < wide + left))
        pixel = tirx.if_then_else(inside, image[n, c, h - top, w - left, v], tirx.float32(0))
        tirx.buffer_store(padded, pixel, [n, c, h, w, v])
    return padded


def _transformed(plan: Plan, padded: Any) -> Any:
    """N, side^2, tiles, C: each tile's inputs, transformed along rows and columns."""
    from tvm.script.ir_builder import tirx

    batch, outer, high, wide, lanes = (int(extent) for extent in padded.shape)
    side, tiles, width = plan.side, plan.down * plan.across, outer * lanes + lanes
    # One vector more than channels: tiles do not meet at the same place of the first cache.
    result = tirx.sblock_alloc_buffer(extents(batch, side * side, tiles, width))
    with tirx.grid(*extents(batch, 1, 1, outer)) as (n, y, z, c), tirx.sblock(TRANSFORM):
        n, y, z, c = tirx.axis.remap("SSSS", [n, y, z, c])
        tirx.reads(padded[n, c, 0:high, 0:wide, 0:lanes])
        area = side * side
        tirx.writes(result[n, y * area : y * area + area, z * tiles : z * tiles + tiles, c * lanes : c * lanes + lanes])
        half = tirx.sblock_alloc_buffer(extents(area * lanes), scope="local")
        with tirx.serial(*extents(plan.down)) as h, tirx.serial(*extents(plan.across)) as w:
            for q in range(side):
                column = [padded[n, c, h * plan.m + r, w * plan.m + q, tirx.ramp(0, 1, lanes)] for r in range(side)]
                for r in range(side):
                    value = combination(INPUT[plan.m][r], column, _splat(lanes))
                    tirx.buffer_store(half, value, [tirx.ramp((r * side + q) * lanes, 1, lanes)])
            for r in range(side):
                row = [half[tirx.ramp((r * side + q) * lanes, 1, lanes)] for q in range(side)]
                for q in range(side):
                    value = combination(INPUT[plan.m][q], row, _splat(lanes))
                    at = [n, r * side + q, h * plan.across + w, tirx.ramp(c * lanes, 1, lanes)]
                    tirx.buffer_store(result, value, at)
    return result


def _products(plan: Plan, inputs: Any, weights: Any, out: Any) -> None:
    """A few vectors of output channels at a time: all products, then the output transform."""
    from tvm.script.ir_builder import tirx

    m, lanes, vectors = plan.m, plan.machine.lanes, plan.vectors
    batch, outer, high, wide, _ = (int(extent) for extent in out.shape)
    rows, columns = plan.down * m, plan.across * m
    tiles, area = plan.down * plan.across, plan.side**2
    sums = tirx.sblock_alloc_buffer(extents(batch, outer, rows, columns, lanes))
    with tirx.grid(*extents(batch, outer // vectors, 1, 1, 1)) as (n, o, x, y, z), tirx.sblock(ANCHOR):
        n, o, x, y, z = tirx.axis.remap("SSSSS", [n, o, x, y, z])
        tirx.reads(
            inputs[n, 0:area, 0:tiles, 0 : int(inputs.shape[3]) - lanes],
            weights[o, 0:area, 0 : int(weights.shape[2]), 0 : int(weights.shape[3])],
        )
        tirx.writes(
            sums[
                n,
                o * vectors : o * vectors + vectors,
                x * rows : x * rows + rows,
                y * columns : y * columns + columns,
                z * lanes : z * lanes + lanes,
            ]
        )
        tirx.sblock_attr({"schedule": SCHEDULE, "vectors": vectors})
        products = tirx.sblock_alloc_buffer(extents(area, tiles * vectors * lanes + lanes))
        _multiplied(plan, inputs, weights, products, n, o)
        with tirx.serial(*extents(plan.down)) as h, tirx.serial(*extents(plan.across)) as w:
            for v in range(vectors):
                at = ((h * plan.across + w) * vectors + v) * lanes
                _output(plan, products, at, sums, [n, o * vectors + v, h * m, w * m])
    with tirx.grid(*extents(batch, outer, high, wide, lanes)) as (n, o, h, w, v), tirx.sblock(UNPACK):
        n, o, h, w, v = tirx.axis.remap("SSSSS", [n, o, h, w, v])
        tirx.buffer_store(out, sums[n, o, h, w, v], [n, o, h, w, v])


def _multiplied(plan: Plan, inputs: Any, weights: Any, products: Any, n: Any, o: Any) -> None:
    """For each element of the transformed tile a matrix product, tiles x channels in registers."""
    from tvm.script.ir_builder import tirx

    lanes, vectors = plan.machine.lanes, plan.vectors
    splat = _splat(lanes)
    widest = max(size for _, _, size in plan.groups)
    sums = tirx.sblock_alloc_buffer(extents(widest * vectors * lanes), scope="local")
    with tirx.serial(*extents(plan.side**2)) as e:
        for first, count, size in plan.groups:
            with tirx.serial(*extents(count)) as g:
                places = [
                    (p, v, tirx.ramp((p * vectors + v) * lanes, 1, lanes)) for p in range(size) for v in range(vectors)
                ]
                for _, _, at in places:
                    tirx.buffer_store(sums, splat(0.0), [at])
                tile = first + g * size
                with tirx.serial(*extents(plan.operator.image[1])) as c:
                    for p, v, at in places:
                        weight = widened(weights[o, e, c, tirx.ramp(v * lanes, 1, lanes)], lanes)
                        tirx.buffer_store(sums, sums[at] + splat(inputs[n, e, tile + p, c]) * weight, [at])
                for p, v, at in places:
                    to = tirx.ramp(((tile + p) * vectors + v) * lanes, 1, lanes)
                    tirx.buffer_store(products, sums[at], [e, to])


def _output(plan: Plan, products: Any, at: Any, sums: Any, corner: list[Any]) -> None:
    """The outputs of one tile and vector of channels."""
    from tvm.script.ir_builder import tirx

    m, side, lanes = plan.m, plan.side, plan.machine.lanes
    n, o, h, w = corner
    half = tirx.sblock_alloc_buffer(extents(m * side * lanes), scope="local")
    for q in range(side):
        column = [products[r * side + q, tirx.ramp(at, 1, lanes)] for r in range(side)]
        for r in range(m):
            value = combination(OUTPUT[m][r], column, _splat(lanes))
            tirx.buffer_store(half, value, [tirx.ramp((r * side + q) * lanes, 1, lanes)])
    for r in range(m):
        row = [half[tirx.ramp((r * side + q) * lanes, 1, lanes)] for q in range(side)]
        for q in range(m):
            value = combination(OUTPUT[m][q], row, _splat(lanes))
            tirx.buffer_store(sums, value, [n, o, h + r, w + q, tirx.ramp(0, 1, lanes)])


def _splat(lanes: int) -> Any:
    from tvm.script.ir_builder import tirx

    def splat(value: Any) -> Any:
        return tirx.broadcast(tirx.float32(value) if isinstance(value, int | float) else value, lanes)

    return splat

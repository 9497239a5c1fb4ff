"""The Winograd kernel on blocked channels: pad, transform the input, multiply, transform the output."""

from dataclasses import dataclass
from typing import Any

from dlas.layers.primitive.tvm.buffers import even, padded, unpack
from dlas.layers.primitive.tvm.winograd_transforms import INPUT, OUTPUT, combination
from dlas.tensorir.emitter import FUSABLE, widened
from dlas.tensorir.layout import blocks, stored
from dlas.tensorir.machine import Machine
from dlas.tensorir.operators import Convolution
from dlas.tensorir.primfunc import argument, extents, primfunc

ANCHOR, TRANSFORM = "anchor", "transform"
_KEPT = 4  # registers for weights, a pixel, the compiler
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
        return even(self.down * self.across, (self.machine.registers - _KEPT) // self.vectors)


def winograd(plan: Plan, weights: tuple[int, ...], storage: str) -> Any:
    """PrimFunc of a blocked image, transformed weights of this shape (stored in that type), and a blocked output."""

    operator, lanes = plan.operator, plan.machine.lanes
    with primfunc("winograd", FUSABLE) as builder:
        image = argument("image", stored(operator.image, lanes))
        packed = argument("weights", weights, storage)
        out = argument("out", stored(operator.output, lanes))
        whole = padded(operator, image, plan.down * plan.m + 2, plan.across * plan.m + 2)
        _products(plan, _transformed(plan, whole), packed, out)
    return builder.get()


def _transformed(plan: Plan, image: Any) -> Any:
    """N, side^2, tiles, C: each tile's inputs, transformed along rows and columns."""
    from tvm.script.ir_builder import tirx

    batch, outer, high, wide, lanes = (int(extent) for extent in image.shape)
    side, tiles, width = plan.side, plan.down * plan.across, outer * lanes + lanes
    # One vector more than channels: tiles do not meet at the same place of the first cache.
    result = tirx.sblock_alloc_buffer(extents(batch, side * side, tiles, width))
    with tirx.grid(*extents(batch, 1, 1, outer)) as (n, y, z, c), tirx.sblock(TRANSFORM):
        n, y, z, c = tirx.axis.remap("SSSS", [n, y, z, c])
        tirx.reads(image[n, c, 0:high, 0:wide, 0:lanes])
        area = side * side
        tirx.writes(result[n, y * area : y * area + area, z * tiles : z * tiles + tiles, c * lanes : c * lanes + lanes])
        half = tirx.sblock_alloc_buffer(extents(area * lanes), scope="local")
        with tirx.serial(*extents(plan.down)) as h, tirx.serial(*extents(plan.across)) as w:
            for q in range(side):
                column = [image[n, c, h * plan.m + r, w * plan.m + q, tirx.ramp(0, 1, lanes)] for r in range(side)]
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

    lanes, vectors = plan.machine.lanes, plan.vectors
    batch, outer = (int(extent) for extent in out.shape[:2])
    tiles, area = plan.down * plan.across, plan.side**2
    sums = tirx.sblock_alloc_buffer(extents(batch, outer, plan.down * plan.m, plan.across * plan.m, lanes))
    with tirx.grid(*extents(batch, outer // vectors, 1, 1, 1)) as at, tirx.sblock(ANCHOR):
        n, o, *rest = tirx.axis.remap("SSSSS", list(at))
        tirx.reads(
            inputs[n, 0:area, 0:tiles, 0 : int(inputs.shape[3]) - lanes],
            weights[o, 0:area, 0 : int(weights.shape[2]), 0 : int(weights.shape[3])],
        )
        tirx.writes(sums[(n, *_spans((o, *rest), (vectors, *map(int, sums.shape[2:]))))])
        tirx.sblock_attr({"schedule": SCHEDULE, "vectors": vectors})
        products = tirx.sblock_alloc_buffer(extents(area, tiles * vectors * lanes + lanes))
        _multiplied(plan, inputs, weights, products, n, o)
        _outputs(plan, products, sums, n, o)
    unpack(sums, out)


def _spans(places: tuple[Any, ...], sizes: tuple[int, ...]) -> list[slice]:
    """Where a block lies that has one place along each axis, of so many elements."""
    return [slice(at * size, at * size + size) for at, size in zip(places, sizes, strict=True)]


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


def _outputs(plan: Plan, products: Any, sums: Any, n: Any, o: Any) -> None:
    """The outputs of all tiles, vector by vector of channels."""
    from tvm.script.ir_builder import tirx

    m, lanes, vectors = plan.m, plan.machine.lanes, plan.vectors
    with tirx.serial(*extents(plan.down)) as h, tirx.serial(*extents(plan.across)) as w:
        for v in range(vectors):
            at = ((h * plan.across + w) * vectors + v) * lanes
            _output(plan, products, at, sums, [n, o * vectors + v, h * m, w * m])


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

"""The block-sparse kernel: for each row of pixels, blocks of weights times pixels that they say where to find."""

from dataclasses import dataclass
from typing import Any

from dlas.layers.primitive.tvm.buffers import even, padded, unpack
from dlas.tensorir.emitter import FUSABLE, widened
from dlas.tensorir.layout import blocks, stored
from dlas.tensorir.machine import Machine
from dlas.tensorir.operators import Convolution
from dlas.tensorir.primfunc import argument, extents, primfunc

ANCHOR = "anchor"
SCHEDULE = "dlas.layers.primitive.tvm.bsr_schedule.bsr"
_KEPT = 4  # registers for weights, a pixel, the compiler
HEIGHT = 16  # output channels of a block: two vectors of AVX2, one of AVX-512


@dataclass(frozen=True)
class Sizes:
    """Of a kernel."""

    operator: Convolution
    machine: Machine

    @property
    def vectors(self) -> int:
        """Vectors of a block."""
        return HEIGHT // self.machine.lanes

    @property
    def outer(self) -> int:
        """Vectors of output channels, whole blocks."""
        return blocks(self.operator.output[1], HEIGHT) * self.vectors

    @property
    def groups(self) -> list[tuple[int, int, int]]:
        """First column, count and size of tiles of a row; sizes differ by one at most."""
        return even(self.operator.output[3], (self.machine.registers - _KEPT) // self.vectors)

    def offset(self, channel: Any, row: Any, column: Any) -> Any:
        """Where in the padded image the first output pixel reads, for a channel and a place in the kernel."""
        lanes, (high, wide) = self.machine.lanes, self.operator.bordered
        far, apart = self.operator.dilation
        return ((channel // lanes * high + row * far) * wide + column * apart) * lanes + channel % lanes


def bsr(sizes: Sizes, entries: int, storage: str) -> Any:
    """PrimFunc of a blocked image, blocks (stored in that type), offsets, pointers and a blocked output."""

    operator, lanes = sizes.operator, sizes.machine.lanes
    with primfunc("bsr", FUSABLE) as builder:
        image = argument("image", stored(operator.image, lanes))
        constants = [
            argument("values", (entries, HEIGHT), storage),
            argument("offsets", (entries,), "int32"),
            argument("pointers", (sizes.outer // sizes.vectors + 1,), "int32"),
        ]
        out = argument("out", stored(operator.output, lanes))
        source = padded(operator, image, *operator.bordered) if any(operator.padding) else image
        _multiply(sizes, source, constants, out)
    return builder.get()


def _multiply(sizes: Sizes, source: Any, constants: list[Any], out: Any) -> None:
    """One TensorIR block for each block of channels and row of pixels."""
    from tvm.script.ir_builder import tirx

    lanes, vectors = sizes.machine.lanes, sizes.vectors
    values, offsets, pointers = constants
    batch, _, high, wide, _ = (int(extent) for extent in out.shape)
    entries = int(values.shape[0])
    sums = tirx.sblock_alloc_buffer(extents(batch, sizes.outer, high, wide, lanes))
    with tirx.grid(*extents(batch, sizes.outer // vectors, high, 1, 1)) as (n, o, h, y, z), tirx.sblock(ANCHOR):
        n, o, h, y, z = tirx.axis.remap("SSSSS", [n, o, h, y, z])
        whole = [slice(0, int(extent)) for extent in source.shape[1:]]
        tirx.reads(source[(n, *whole)], values[0:entries, 0:HEIGHT], offsets[0:entries], pointers[o : o + 2])
        first = o * vectors
        tirx.writes(sums[n, first : first + vectors, h, y * wide : y * wide + wide, z * lanes : z * lanes + lanes])
        tirx.sblock_attr({"schedule": SCHEDULE, "vectors": vectors})
        widest = max(size for _, _, size in sizes.groups)
        tile = tirx.sblock_alloc_buffer(extents(widest * vectors * lanes), scope="local")
        for start, count, size in sizes.groups:
            with tirx.serial(*extents(count)) as g:
                column = start + g * size
                _tile(sizes, source, constants, tile, (n, o, h, column, size))
                for p in range(size):
                    for v in range(vectors):
                        total = tile[tirx.ramp((p * vectors + v) * lanes, 1, lanes)]
                        tirx.buffer_store(sums, total, [n, first + v, h, column + p, tirx.ramp(0, 1, lanes)])
    unpack(sums, out)


def _tile(sizes: Sizes, source: Any, constants: list[Any], tile: Any, at: tuple[Any, ...]) -> None:
    """Sums of `size` pixels of a row from a column on."""
    from tvm.script.ir_builder import tirx

    n, o, h, column, size = at
    values, offsets, pointers = constants
    lanes, (down, across), wide = sizes.machine.lanes, sizes.operator.strides, sizes.operator.bordered[1]
    pairs = [(p, v) for p in range(size) for v in range(sizes.vectors)]
    places = [(p, v, tirx.ramp((p * sizes.vectors + v) * lanes, 1, lanes)) for p, v in pairs]
    for _, _, to in places:
        tirx.buffer_store(tile, tirx.broadcast(tirx.float32(0), lanes), [to])
    first, end = (tirx.Cast("int64", pointers[o + k]) for k in range(2))
    with tirx.serial(end - first) as j:
        corner = tirx.Cast("int64", offsets[first + j]) + (h * down * wide + column * across) * lanes
        for p, v, to in places:
            pixel = source[n, 0, 0, 0, corner + p * across * lanes]  # the offset counts from the first pixel
            block = widened(values[first + j, tirx.ramp(v * lanes, 1, lanes)], lanes)
            product = tirx.broadcast(pixel, lanes) * block
            tirx.buffer_store(tile, tile[to] + product, [to])

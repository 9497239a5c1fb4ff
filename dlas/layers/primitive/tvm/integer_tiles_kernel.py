"""The kernel of AMX's tiles: bands of rows, in each the products of some pixels and output channels at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlas.layers.primitive.tvm import amx
from dlas.layers.primitive.tvm.amx import BYTES, CONFIGURATION, LANES, Rows, Tiles
from dlas.layers.primitive.tvm.buffers import UNPACK, padded
from dlas.layers.primitive.tvm.expressions import ANCHOR
from dlas.layers.primitive.tvm.integer_tiles_plan import WORD, Plan
from dlas.layers.primitive.tvm.vnni import GROUP
from dlas.tensorir.emitter import FUSABLE
from dlas.tensorir.layout import blocks, stored
from dlas.tensorir.primfunc import argument, extents, primfunc


def kernel(plan: Plan) -> Any:
    """PrimFunc of a blocked image (uint8), packed weights, a configuration and blocked sums (int32)."""
    operator = plan.operator
    with primfunc("integer_tiles", FUSABLE) as builder:
        image = argument("image", stored(operator.image, plan.block), "uint8")
        packed = argument("weights", plan.stored, "int8")
        configured = argument("configuration", (CONFIGURATION,), "uint8")
        out = argument("out", stored(operator.output, plan.width), "int32")
        source = padded(operator, image, *operator.bordered, plan.zero) if any(operator.padding) else image
        _bands(plan, source, packed, configured, out)
    return builder.get()


def _bands(plan: Plan, source: Any, packed: Any, configured: Any, out: Any) -> None:
    """One TensorIR block for each block of output channels and band of rows."""
    from tvm.script.ir_builder import tirx

    batch, outer, high, _, width = (int(extent) for extent in out.shape)
    shape = batch, outer, high // plan.rows, plan.length, width
    sums = tirx.sblock_alloc_buffer(extents(*shape), "int32", scope="local")
    with tirx.grid(*extents(*shape[:3], 1, 1)) as (n, o, b, y, z), tirx.sblock(ANCHOR):
        n, o, b, y, z = tirx.axis.remap("SSSSS", [n, o, b, y, z])
        tirx.reads(
            source[(n, *(slice(0, int(extent)) for extent in source.shape[1:]))],
            packed[(o, *(slice(0, int(extent)) for extent in packed.shape[1:]))],
            configured[0:CONFIGURATION],
        )
        tirx.writes(sums[n, o, b, y * plan.length : (y + 1) * plan.length, z * width : (z + 1) * width])
        tirx.sblock_attr(plan.attrs)
        band = _Band(plan, amx.tiles(plan.machine, configured, plan.sizes), source, packed, sums, (n, o, b))
        band.write()
    _unpack(plan, sums, out)


@dataclass(frozen=True)
class _Band:
    """A band of rows of a block of output channels."""

    plan: Plan
    tiles: Tiles
    source: Any
    packed: Any
    sums: Any
    at: tuple[Any, Any, Any]  # image, block of output channels, band

    def write(self) -> None:
        """All sums, as many registers of pixels and of output channels at once as there are."""
        from tvm.script.ir_builder import tirx

        plan = self.plan
        pixels, vectors = plan.registers
        lines, turns = plan.length // plan.line, blocks(plan.line, plan.pixels * pixels)
        self.tiles.begin()
        with tirx.grid(*extents(lines, turns)) as (line, turn):
            starts = [
                tirx.bind(tirx.min((turn * pixels + number) * plan.pixels, plan.line - plan.pixels))
                for number in range(pixels)
            ]
            for first in range(0, plan.vectors, vectors):
                self._reduce(line, starts, first)
        self.tiles.end()

    def _reduce(self, line: Any, starts: Sequence[Any], first: int) -> None:
        """Sums of some pixels and vectors of output channels, over all places of the window."""
        from tvm.script.ir_builder import tirx

        pixels, vectors = self.plan.registers
        for number in range(pixels * vectors):
            self.tiles.clear(number)
        _, inner, high, wide, *_ = self.packed.shape
        with tirx.grid(*extents(inner, high, wide)) as place:
            for number, start in enumerate(starts):
                self.tiles.load(pixels * vectors + number, self._pixels(line, start, place))
            for vector in range(vectors):
                loaded = pixels * vectors + pixels + vector % self.plan.loaded
                self.tiles.load(loaded, self._weights(first + vector, place))
                for number in range(pixels):
                    self.tiles.multiply(number * vectors + vector, pixels * vectors + number, loaded)
        for number, start in enumerate(starts):
            for vector in range(vectors):
                self.tiles.store(number * vectors + vector, self._sums(line, start, first + vector))

    def _pixels(self, line: Any, start: Any, place: tuple[Any, Any, Any]) -> Rows:
        """What consecutive outputs read at a place of the window."""
        from tvm.script.ir_builder import tirx

        n, _, band = self.at
        c, i, j = place
        (down, across), (far, apart) = self.plan.operator.strides, self.plan.operator.dilation
        pitch = self.plan.operator.bordered[1]

        def at(row: Any) -> list[Any]:
            high = (band * self.plan.rows + line) * down + i * far
            wide = (start + row) * across + j * apart
            if self.plan.flat:  # on to the next rows of the image
                position = high * pitch + wide
                high, wide = tirx.floordiv(position, pitch), tirx.floormod(position, pitch)
            return [n, c, high, wide, 0]

        return Rows(self.source, at, across * self.plan.block)

    def _weights(self, vector: int, place: tuple[Any, Any, Any]) -> Rows:
        rows = self.plan.block // GROUP
        return Rows(self.packed, lambda row: [self.at[1], *place, vector * rows + row, 0], BYTES)

    def _sums(self, line: Any, start: Any, vector: int) -> Rows:
        def at(row: Any) -> list[Any]:
            return [*self.at, line * self.plan.line + start + row, vector * LANES]

        return Rows(self.sums, at, self.plan.width * WORD)


def _unpack(plan: Plan, sums: Any, out: Any) -> None:
    """Blocked outputs from the bands; the schedule inlines it into whatever follows."""
    from tvm.script.ir_builder import tirx

    with tirx.grid(*extents(*(int(extent) for extent in out.shape))) as (n, o, h, w, v), tirx.sblock(UNPACK):
        n, o, h, w, v = tirx.axis.remap("SSSSS", [n, o, h, w, v])
        band, row = (divide(h, *extents(plan.rows)) for divide in (tirx.floordiv, tirx.floormod))
        tirx.buffer_store(out, sums[n, o, band, row * plan.pitch + w, v], [n, o, h, w, v])

"""Integer convolutions by AMX: pixels x four input channels times these x output channels, a register of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlas.layers.primitive.tvm import amx
from dlas.layers.primitive.tvm.amx import BYTES, LANES, ROWS, Rows, Size, Tiles
from dlas.layers.primitive.tvm.buffers import UNPACK, padded
from dlas.layers.primitive.tvm.expressions import ANCHOR
from dlas.layers.primitive.tvm.vnni import GROUP
from dlas.tensorir.emitter import FUSABLE, Emitter, Lowered, Value
from dlas.tensorir.layout import blocks, stored
from dlas.tensorir.machine import Machine
from dlas.tensorir.operators import Convolution
from dlas.tensorir.primfunc import argument, extents, primfunc

_LEAST = 64  # input channels from which tiles were seen to beat VNNI
_SUMS = 32 << 10  # bytes of the sums of a band, which stay near
_WORD = 4  # bytes of a sum


def fits(machine: Machine, operator: Convolution) -> bool:
    """Whether tiles pay."""
    return machine.amx and operator.groups == 1 and operator.image[1] >= _LEAST


def convolution(emitter: Emitter, operator: Convolution, image: Value, zero: int, name: str) -> Lowered:
    """Sums in blocks of up to four vectors, which is how the next such convolution reads them."""
    plan = Plan(operator, emitter.machine, zero)
    inputs = [
        emitter.reblocked(image, plan.block).var,
        weights(plan),
        amx.configuration(plan.sizes),
    ]
    var = emitter.kernel("integer_tiles", kernel(plan), inputs, stored(operator.output, plan.width), "int32")
    return Lowered(Value(var, operator.output, plan.width), name, f"{plan} int8 amx", precision="int8")


def together(channels: int) -> int:
    """Vectors of channels in a block: as many as a register's row holds, if they divide."""
    vectors = blocks(channels, LANES)
    return next(count for count in (4, 3, 2, 1) if vectors % count == 0)


@dataclass(frozen=True)
class Plan:
    """How a convolution of one group is computed; `zero` stands for zero in the image.

    Without strides the pixels of a band of rows follow each other, those of the border among them, whose sums nobody
    reads; with strides each row is by itself.
    """

    operator: Convolution
    machine: Machine
    zero: int

    @property
    def block(self) -> int:
        """Input channels that lie together, a row of a register."""
        return together(self.operator.image[1]) * LANES

    @property
    def vectors(self) -> int:
        """Vectors of output channels that lie together."""
        return together(self.operator.output[1])

    @property
    def width(self) -> int:
        """Output channels that do."""
        return self.vectors * LANES

    @property
    def flat(self) -> bool:
        """Whether pixels of one row follow those of the row before."""
        return self.operator.strides == (1, 1)

    @property
    def pitch(self) -> int:
        """Pixels from a row of sums to the next."""
        return self.operator.bordered[1] if self.flat else self.operator.output[3]

    @property
    def rows(self) -> int:
        """Output rows of a band."""
        high, row = self.operator.output[2], self.pitch * self.width * _WORD
        return max(rows for rows in range(1, high + 1) if high % rows == 0 and (rows == 1 or rows * row <= _SUMS))

    @property
    def length(self) -> int:
        """Sums of a band and vector, in pixels."""
        return (self.rows - 1) * self.pitch + self.operator.output[3]

    @property
    def line(self) -> int:
        """Pixels that follow each other."""
        return self.length if self.flat else self.operator.output[3]

    @property
    def registers(self) -> tuple[int, int]:
        """Registers of pixels and of weights whose products are summed up at once."""
        if self.line <= ROWS or self.vectors == 3:
            return 1, self.vectors
        return (3, 1) if self.vectors == 1 else (2, 2)

    @property
    def pixels(self) -> int:
        """Pixels in a register: the line in equal parts."""
        least = blocks(self.line, ROWS * self.registers[0]) * self.registers[0]
        return blocks(self.line, least)

    @property
    def loaded(self) -> int:
        """Registers for weights, which take turns where they are fewer than the weights."""
        pixels, vectors = self.registers
        return min(vectors, amx.REGISTERS - pixels * vectors - pixels)

    @property
    def sizes(self) -> Sequence[Size]:
        """Rows and bytes of the registers: sums, pixels, weights."""
        pixels, vectors = self.registers
        return [
            *[(self.pixels, LANES * _WORD)] * (pixels * vectors),
            *[(self.pixels, self.block)] * pixels,
            *[(self.block // GROUP, BYTES)] * self.loaded,
        ]

    @property
    def attrs(self) -> dict[str, Any]:
        """As the kernel carries them to its schedule."""
        return {"schedule": "dlas.layers.primitive.tvm.integer_schedule.tiles", "rows": self.rows}

    def __str__(self) -> str:
        pixels, vectors = self.registers
        return f"{pixels * self.pixels}x{vectors * LANES}"


def weights(plan: Plan) -> NDArray[np.int8]:
    """O/width, C/block, KH, KW, rows of the registers one after the other, bytes of a row."""
    numbers = plan.operator.weights
    outputs, channels = -len(numbers) % plan.width, -numbers.shape[1] % plan.block
    filled = np.pad(numbers, [(0, outputs), (0, channels), (0, 0), (0, 0)]).astype(np.int8)
    split = filled.reshape(
        -1, plan.vectors, LANES, filled.shape[1] // plan.block, plan.block // GROUP, GROUP, *plan.operator.kernel
    )
    return np.ascontiguousarray(split.transpose(0, 3, 6, 7, 1, 4, 2, 5)).reshape(_stored(plan))


def _stored(plan: Plan) -> tuple[int, ...]:
    outer, inner = blocks(plan.operator.output[1], plan.width), blocks(plan.operator.image[1], plan.block)
    return outer, inner, *plan.operator.kernel, plan.vectors * plan.block // GROUP, BYTES


def kernel(plan: Plan) -> Any:
    """PrimFunc of a blocked image (uint8), `weights`, a configuration and blocked sums (int32)."""
    operator = plan.operator
    with primfunc("integer_tiles", FUSABLE) as builder:
        image = argument("image", stored(operator.image, plan.block), "uint8")
        packed = argument("weights", _stored(plan), "int8")
        configured = argument("configuration", (64,), "uint8")
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
            configured[0:64],
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

        return Rows(self.sums, at, self.plan.width * _WORD)


def _unpack(plan: Plan, sums: Any, out: Any) -> None:
    """Blocked outputs from the bands; the schedule inlines it into whatever follows."""
    from tvm.script.ir_builder import tirx

    with tirx.grid(*extents(*(int(extent) for extent in out.shape))) as (n, o, h, w, v), tirx.sblock(UNPACK):
        n, o, h, w, v = tirx.axis.remap("SSSSS", [n, o, h, w, v])
        band, row = (divide(h, *extents(plan.rows)) for divide in (tirx.floordiv, tirx.floormod))
        tirx.buffer_store(out, sums[n, o, band, row * plan.pitch + w, v], [n, o, h, w, v])

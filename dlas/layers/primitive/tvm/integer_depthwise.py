"""The depthwise kernel of bytes: up to four rows of the window are one word, and a row of words is one instruction."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlas.layers.primitive.tvm import packing
from dlas.layers.primitive.tvm.buffers import even, padded, unpack
from dlas.layers.primitive.tvm.expressions import ANCHOR
from dlas.layers.primitive.tvm.tiles import Tile
from dlas.layers.primitive.tvm.vnni import GROUP, dot
from dlas.tensorir.emitter import FUSABLE
from dlas.tensorir.layout import blocks, stored
from dlas.tensorir.machine import Machine
from dlas.tensorir.operators import Convolution
from dlas.tensorir.primfunc import argument, extents, primfunc, splat

_UNROLLED = 1024  # instructions of a tile


@dataclass(frozen=True)
class Plan:
    """How a convolution is computed; `zero` stands for zero in the image."""

    operator: Convolution
    machine: Machine
    tile: Tile
    zero: int

    @property
    def words(self) -> int:
        """Words that hold a column of the window."""
        return blocks(self.operator.kernel[0], GROUP)

    @property
    def columns(self) -> int:
        """Pixels whose windows are written out one after the other."""
        return max(1, min(self.tile.columns, _UNROLLED // (self.operator.kernel[1] * self.words)))

    @property
    def attrs(self) -> dict[str, Any]:
        """As the kernel carries them to its schedule."""
        return {"schedule": "dlas.layers.primitive.tvm.integer_schedule.depthwise", **self.tile.attrs}


def weights(plan: Plan) -> NDArray[np.int8]:
    """C/lanes, KW, KH/4, bytes of a vector: four rows of each lane, those beyond the window zero."""
    packed = packing.depthwise(plan.operator, plan.machine.lanes)
    filled = np.pad(packed, [(0, 0), (0, -packed.shape[1] % GROUP), (0, 0), (0, 0)])
    split = filled.reshape(len(filled), plan.words, GROUP, *filled.shape[2:])
    return split.transpose(0, 3, 1, 4, 2).astype(np.int8).reshape(*_stored(plan))


def _stored(plan: Plan) -> tuple[int, int, int, int]:
    lanes, operator = plan.machine.lanes, plan.operator
    return blocks(operator.output[1], lanes), operator.kernel[1], plan.words, lanes * GROUP


def kernel(plan: Plan) -> Any:
    """PrimFunc of a blocked image (uint8), `weights` and blocked sums (int32)."""

    operator, lanes = plan.operator, plan.machine.lanes
    with primfunc("integer_depthwise", FUSABLE) as builder:
        image = argument("image", stored(operator.image, lanes), "uint8")
        taps = argument("taps", _stored(plan), "int8")
        out = argument("out", stored(operator.output, lanes), "int32")
        source = padded(operator, image, *operator.bordered, plan.zero) if any(operator.padding) else image
        _rows(plan, source, taps, out)
    return builder.get()


def _rows(plan: Plan, source: Any, taps: Any, out: Any) -> None:
    """One TensorIR block for each vector of channels and row of pixels."""
    from tvm.script.ir_builder import tirx

    batch, outer, high, wide, lanes = (int(extent) for extent in out.shape)
    reach = plan.operator.dilation[0] * (plan.operator.kernel[0] - 1) + 1
    sums = tirx.sblock_alloc_buffer(extents(batch, outer, high, wide, lanes), "int32")
    with tirx.grid(*extents(batch, outer, high, 1, 1)) as (n, c, h, y, z), tirx.sblock(ANCHOR):
        n, c, h, y, z = tirx.axis.remap("SSSSS", [n, c, h, y, z])
        first = h * plan.operator.strides[0]
        tirx.reads(
            source[n, c, first : first + reach, 0 : plan.operator.bordered[1], 0:lanes],
            taps[c, 0 : int(taps.shape[1]), 0 : plan.words, 0 : lanes * GROUP],
        )
        tirx.writes(sums[n, c, h, y * wide : y * wide + wide, z * lanes : z * lanes + lanes])
        tirx.sblock_attr(plan.attrs)
        for start, count, size in even(wide, plan.columns):
            with tirx.serial(*extents(count)) as g:
                _tile(plan, source, taps, sums, (n, c, h, start + g * size, size))
    unpack(sums, out)


def _tile(plan: Plan, source: Any, taps: Any, sums: Any, at: tuple[Any, ...]) -> None:
    """Sums of `size` pixels of a row from a column on; a word serves every window that it is in."""
    from tvm.script.ir_builder import tirx

    n, c, h, column, size = at
    lanes = plan.machine.lanes
    (down, across), (_, apart) = plan.operator.strides, plan.operator.dilation
    whole, found = tirx.ramp(0, 1, lanes), {}
    for pixel in range(size):
        total = splat(0, "int32", lanes)
        for j in range(plan.operator.kernel[1]):
            place = pixel * across + j * apart
            for q in range(plan.words):
                if (place, q) not in found:
                    found[place, q] = tirx.bind(_word(plan, source, (n, c, h * down, column * across + place, q)))
                tap = taps[c, j, q, tirx.ramp(0, 1, lanes * GROUP)]
                total = dot(plan.machine, total, found[place, q], tap)
        tirx.buffer_store(sums, total, [n, c, h, column + pixel, whole])


def _word(plan: Plan, source: Any, at: tuple[Any, ...]) -> Any:
    """Up to four rows of a column as the bytes of words, one for each lane."""
    from tvm.script.ir_builder import tirx

    n, c, row, column, q = at
    lanes, far = plan.machine.lanes, plan.operator.dilation[0]
    word = None
    for k in range(min(GROUP, plan.operator.kernel[0] - q * GROUP)):
        pixels = source[n, c, row + (q * GROUP + k) * far, column, tirx.ramp(0, 1, lanes)]
        byte = pixels.astype(f"int32x{lanes}") << splat(8 * k, "int32", lanes)
        word = byte if word is None else word | byte
    return word

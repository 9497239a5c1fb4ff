"""What kernels that are written out with TVM's builder share: tiles, borders and the pass behind their sums."""

from dataclasses import dataclass
from math import gcd
from typing import Any

from dlas.layers.primitive.tvm.expressions import PAD
from dlas.tensorir.operators import Convolution
from dlas.tensorir.primfunc import extents, splat

UNPACK = "unpack"
_TOGETHER = 4  # pixels that are copied at once where a row holds a multiple


def even(total: int, most: int) -> list[tuple[int, int, int]]:
    """First, count and size of the groups that `total` makes, as few as hold `most`; sizes differ by one at most."""
    count = -(-total // most)
    small, larger = divmod(total, count)
    found = [(0, larger, small + 1), (larger * (small + 1), count - larger, small)]
    return [group for group in found if group[1]]


def padded(operator: Convolution, image: Any, high: int, wide: int, border: int = 0) -> Any:
    """A blocked image with what stands for zero around it, so many rows and columns in all.

    Row by row, so that no pixel asks for itself whether it is inside.
    """
    from tvm.script.ir_builder import tirx

    (_, _, rows, columns), (top, left) = operator.image, operator.padding[:2]
    batch, outer, _, _, lanes = (int(extent) for extent in image.shape)
    result = tirx.sblock_alloc_buffer(extents(batch, outer, high, wide, lanes), image.dtype)
    with tirx.grid(*extents(batch, outer, high, 1, 1)) as (n, c, h, y, z), tirx.sblock(PAD):
        n, c, h, y, z = tirx.axis.remap("SSSSS", [n, c, h, y, z])
        tirx.reads(image[n, c, 0:rows, 0:columns, 0:lanes])
        tirx.writes(result[n, c, h, y * wide : y * wide + wide, z * lanes : z * lanes + lanes])
        to = _Row(result, [n, c, h], border)
        with tirx.If(tirx.And(h >= top, h < rows + top)):
            with tirx.Then():
                to.fill(0, left)
                to.copy(image, [n, c, h - top], left, columns)
                to.fill(left + columns, wide)
            with tirx.Else():
                to.fill(0, wide)
    return result


@dataclass(frozen=True)
class _Row:
    """A row of a blocked image, whose pixels lie one after the other."""

    buffer: Any
    place: list[Any]
    border: int

    def fill(self, first: int, end: int) -> None:
        """Columns of the border."""
        from tvm.script.ir_builder import tirx

        lanes, dtype = int(self.buffer.shape[-1]), self.buffer.dtype
        with tirx.serial(*extents(end - first)) as w:
            filled = splat(self.border, dtype, lanes)
            tirx.buffer_store(self.buffer, filled, [*self.place, first + w, tirx.ramp(0, 1, lanes)])

    def copy(self, image: Any, row: list[Any], first: int, columns: int) -> None:
        """Columns of an image's row, up to four at once."""
        from tvm.script.ir_builder import tirx

        together = gcd(columns, _TOGETHER)
        several = tirx.ramp(0, 1, together * int(self.buffer.shape[-1]))
        with tirx.serial(*extents(columns // together)) as w:
            pixels = image[(*row, w * together, several)]
            tirx.buffer_store(self.buffer, pixels, [*self.place, first + w * together, several])


def unpack(sums: Any, out: Any) -> None:
    """Blocked outputs from their sums; the schedule inlines it into whatever follows."""
    from tvm.script.ir_builder import tirx

    with tirx.grid(*extents(*(int(extent) for extent in out.shape))) as (n, o, h, w, v), tirx.sblock(UNPACK):
        n, o, h, w, v = tirx.axis.remap("SSSSS", [n, o, h, w, v])
        tirx.buffer_store(out, sums[n, o, h, w, v], [n, o, h, w, v])

"""How AMX's tiles cover a convolution: which channels lie together, which pixels follow each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlas.layers.primitive.tvm import amx
from dlas.layers.primitive.tvm.amx import BYTES, LANES, ROWS, Size
from dlas.layers.primitive.tvm.vnni import GROUP
from dlas.tensorir.layout import blocks
from dlas.tensorir.machine import Machine
from dlas.tensorir.operators import Convolution

WORD = 4  # bytes of a sum
_SUMS = 32 << 10  # bytes of the sums of a band, which stay near


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
        high, row = self.operator.output[2], self.pitch * self.width * WORD
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
            *[(self.pixels, LANES * WORD)] * (pixels * vectors),
            *[(self.pixels, self.block)] * pixels,
            *[(self.block // GROUP, BYTES)] * self.loaded,
        ]

    @property
    def stored(self) -> tuple[int, ...]:
        """Shape of the weights: O/width, C/block, KH, KW, rows of the registers one after the other, bytes of a row."""
        outer, inner = blocks(self.operator.output[1], self.width), blocks(self.operator.image[1], self.block)
        return outer, inner, *self.operator.kernel, self.vectors * self.block // GROUP, BYTES

    @property
    def attrs(self) -> dict[str, Any]:
        """As the kernel carries them to its schedule."""
        return {"schedule": "dlas.layers.primitive.tvm.integer_schedule.tiles", "rows": self.rows}

    def __str__(self) -> str:
        pixels, vectors = self.registers
        return f"{pixels * self.pixels}x{vectors * LANES}"

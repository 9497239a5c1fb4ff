"""AMX: eight registers of 16 rows of 64 bytes, and the product of two of them; in memory on every other processor.

Sums (16 x 16 words) += pixels (rows x bytes, unsigned) times weights (bytes/4 x 16 x 4, signed). Source: LDTILECFG,
TILELOADD, TDPBUSD and TILESTORED in Intel's Software Developer's Manual.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dlas.layers.primitive.tvm.vnni import GROUP
from dlas.tensorir.machine import Machine
from dlas.tensorir.primfunc import extents

ROWS, BYTES, LANES, REGISTERS = 16, 64, 16, 8
CONFIGURATION = 64  # bytes
Size = tuple[int, int]  # rows that a register holds, and bytes of each


@dataclass(frozen=True)
class Rows:
    """Where a register's rows lie in a buffer: the place of each, and how many bytes it is from one to the next."""

    buffer: Any
    at: Callable[[Any], list[Any]]
    step: int


class Tiles(Protocol):
    """The registers by number."""

    def begin(self) -> None:
        """Before the first of the following."""

    def clear(self, sums: int) -> None:
        """Nothing but zeros."""

    def load(self, tile: int, rows: Rows) -> None:
        """Bytes from memory."""

    def multiply(self, sums: int, pixels: int, weights: int) -> None:
        """Add the product of two registers to a third."""

    def store(self, sums: int, rows: Rows) -> None:
        """Words to memory."""

    def end(self) -> None:
        """After the last; the thread has no tiles any more."""


def tiles(machine: Machine, configured: Any, sizes: Sequence[Size]) -> Tiles:
    """The processor's own, or as much memory; called within the block that uses them."""
    return Registers(configured) if machine.amx else in_memory(sizes)


def configuration(sizes: Sequence[Size]) -> NDArray[np.uint8]:
    """What the processor is told of its registers: palette 1, then bytes and rows of each."""
    told = np.zeros(CONFIGURATION, np.uint8)
    told[0] = 1
    for number, (rows, width) in enumerate(sizes):
        told[16 + 2 * number], told[48 + number] = width, rows
    return told


@dataclass(frozen=True)
class Registers:
    """The processor's; `configured` is a buffer that holds a `configuration`."""

    configured: Any

    def begin(self) -> None:
        """Sizes, for the calling thread."""
        _do("ldtilecfg", _address(self.configured, [0]))

    def clear(self, sums: int) -> None:
        """One instruction."""
        _do("tilezero", _number(sums))

    def load(self, tile: int, rows: Rows) -> None:
        """One instruction."""
        _do("tileloadd64", _number(tile), *_place(rows))

    def multiply(self, sums: int, pixels: int, weights: int) -> None:
        """One instruction."""
        _do("tdpbusd", *map(_number, (sums, pixels, weights)))

    def store(self, sums: int, rows: Rows) -> None:
        """One instruction."""
        _do("tilestored64", _number(sums), *_place(rows))

    def end(self) -> None:
        """So that the system need not save them."""
        _do("tilerelease")


def _do(name: str, *operands: Any) -> None:
    from tvm import tirx
    from tvm.script.ir_builder import tirx as builder

    builder.evaluate(tirx.call_llvm_intrin("void", f"llvm.x86.{name}", *operands))


def _number(register: int) -> Any:
    from tvm import tirx

    return tirx.const(register, "int8")


def _place(rows: Rows) -> tuple[Any, Any]:
    from tvm import tirx

    return _address(rows.buffer, rows.at(0)), tirx.const(rows.step, "int64")


def _address(buffer: Any, at: list[Any]) -> Any:
    from tvm import tirx

    return tirx.address_of(buffer[tuple(at)])


@dataclass(frozen=True)
class InMemory:
    """The same loop by loop: slow, it lets every processor test the kernels."""

    sizes: Sequence[Size]
    pixels: Any
    weights: Any
    sums: Any

    def begin(self) -> None:
        """Nothing to be told."""

    def clear(self, sums: int) -> None:
        """Word by word."""
        from tvm.script.ir_builder import tirx

        with tirx.grid(*extents(ROWS, LANES)) as (row, lane):
            tirx.buffer_store(self.sums, tirx.int32(0), [sums, row, lane])

    def load(self, tile: int, rows: Rows) -> None:
        """Byte by byte."""
        from tvm.script.ir_builder import tirx

        to = self.pixels if str(rows.buffer.dtype) == "uint8" else self.weights
        with tirx.grid(*extents(*self.sizes[tile])) as (row, byte):
            *place, first = rows.at(row)
            tirx.buffer_store(to, rows.buffer[(*place, first + byte)], [tile, row, byte])

    def multiply(self, sums: int, pixels: int, weights: int) -> None:
        """Product by product."""
        from tvm.script.ir_builder import tirx

        rows, width = self.sizes[pixels]
        with tirx.grid(*extents(rows, LANES, width)) as (row, lane, byte):
            weight = self.weights[weights, byte // GROUP, lane * GROUP + byte % GROUP]
            product = self.pixels[pixels, row, byte].astype("int32") * weight.astype("int32")
            tirx.buffer_store(self.sums, self.sums[sums, row, lane] + product, [sums, row, lane])

    def store(self, sums: int, rows: Rows) -> None:
        """Word by word."""
        from tvm.script.ir_builder import tirx

        with tirx.grid(*extents(self.sizes[sums][0], LANES)) as (row, lane):
            *place, first = rows.at(row)
            tirx.buffer_store(rows.buffer, self.sums[sums, row, lane], [*place, first + lane])

    def end(self) -> None:
        """Nothing to give back."""


def in_memory(sizes: Sequence[Size]) -> InMemory:
    """As many buffers as there are registers; they belong to the block that is being written."""
    from tvm.script.ir_builder import tirx

    def buffer(dtype: str, width: int) -> Any:
        return tirx.sblock_alloc_buffer(extents(len(sizes), ROWS, width), dtype)

    return InMemory(sizes, buffer("uint8", BYTES), buffer("int8", BYTES), buffer("int32", LANES))

"""Layouts in which channels lie in blocks: N, C/block, H, W, block."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

PLAIN = 1  # the block of NCHW


def blocks(channels: int, block: int) -> int:
    """How many blocks hold so many channels."""
    return -(-channels // block)


def stored(shape: tuple[int, ...], block: int) -> tuple[int, ...]:
    """Shape in memory of a value of this logical shape."""
    if block == PLAIN:
        return shape
    batch, channels, *pixels = shape
    return (batch, blocks(channels, block), *pixels, block)


def size(shape: tuple[int, ...], block: int) -> int:
    """Elements in memory."""
    return int(np.prod(stored(shape, block)))


def element(tensor: Any, block: int, n: Any, c: Any, *pixel: Any) -> Any:
    """Element of a stored tensor by its logical indices."""
    if block == PLAIN:
        return tensor[(n, c, *pixel)]
    from tvm import tirx

    return tensor[(n, tirx.floordiv(c, block), *pixel, tirx.floormod(c, block))]


def reblock(shape: tuple[int, ...], before: int, after: int) -> Callable[[Any], Any]:
    """Expression that copies a value from one block to another; what fills the last block is zero."""

    def copy(tensor: Any) -> Any:
        from tvm import te, tirx

        channels = shape[1]

        def at(n: Any, *rest: Any) -> Any:
            if after == PLAIN:
                return element(tensor, before, n, *rest)
            outer, *pixel, inner = rest
            c = outer * after + inner
            if channels % after == 0:
                return element(tensor, before, n, c, *pixel)
            last = tirx.min(c, channels - 1)
            return tirx.if_then_else(
                c < channels, element(tensor, before, n, last, *pixel), tirx.const(0, tensor.dtype)
            )

        return te.compute(stored(shape, after), at, name="reblock")

    return copy


def pack_channels(values: NDArray[Any], block: int) -> NDArray[Any]:
    """Per-channel constants (C) as 1, C/block, 1, 1, block; or 1, C, 1, 1 where plain."""
    if block == PLAIN:
        return values.reshape(1, -1, 1, 1)
    packed = np.zeros(blocks(values.size, block) * block, values.dtype)
    packed[: values.size] = values.reshape(-1)
    return packed.reshape(1, -1, 1, 1, block)

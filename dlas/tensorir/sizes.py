"""Sizes of TVM's buffers."""

import math
from typing import Any


def item_bytes(buffer: Any) -> int:
    """Bytes of an element."""
    import tvm_ffi

    kind = tvm_ffi.dtype(str(buffer.dtype))
    return kind.bits * kind.lanes // 8


def total_bytes(buffer: Any) -> int:
    """Bytes of all elements."""
    return math.prod(int(extent) for extent in buffer.shape) * item_bytes(buffer)

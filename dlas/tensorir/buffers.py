"""Sizes of TVM's buffers."""

import math
from typing import Any


def itemsize(buffer: Any) -> int:
    """Bytes of an element."""
    import tvm_ffi

    kind = tvm_ffi.dtype(str(buffer.dtype))
    return kind.bits * kind.lanes // 8


def size(buffer: Any) -> int:
    """Bytes of all elements."""
    return math.prod(int(extent) for extent in buffer.shape) * itemsize(buffer)

"""What oneDNN says of itself: a line for each primitive that it runs, with kernel, instruction set and tensor types."""

import ctypes
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator

from dlas.layers.codegen import Kernel, precision_named

_KINDS = {"convolution": "convolution", "inner_product": "linear", "matmul": "linear"}
_STDOUT = 1
# onednn_verbose,v1,primitive,exec,cpu,convolution,brgconv:avx2,forward_inference,src:f32::blocked:acdb::f0 …
_ENGINE, _PRIMITIVE, _KERNEL, _TENSORS = "cpu", 1, 2, 4


def told(work: Callable[[], None]) -> list[str]:
    """What is printed to the process's standard output, also by compiled code, while some work is done."""
    libc = ctypes.CDLL(None)
    libc.fflush(None)
    kept = os.dup(_STDOUT)
    with tempfile.TemporaryFile() as words:
        os.dup2(words.fileno(), _STDOUT)
        try:
            work()
        finally:
            libc.fflush(None)
            os.dup2(kept, _STDOUT)
            os.close(kept)
        words.seek(0)
        return words.read().decode(errors="replace").splitlines()


def kernels(lines: Iterable[str]) -> Iterator[Kernel]:
    """The convolutions and linear operators among the lines, in the order in which they ran."""
    for number, line in enumerate(lines):
        fields = line.split(",")
        if not line.startswith("onednn_verbose") or "exec" not in fields or _ENGINE not in fields:
            continue
        at = fields.index(_ENGINE)
        kind = _KINDS.get(fields[at + _PRIMITIVE])
        if kind:
            kernel = fields[at + _KERNEL]
            yield Kernel(f"{fields[at + _PRIMITIVE]}#{number}", kind, kernel, _precision(fields[at + _TENSORS]))


def _precision(tensors: str) -> str:
    """The one type of source and weights, `unknown` where they differ."""
    types = {precision_named(tensor.split(":")[1]) for tensor in tensors.split() if tensor.startswith(("src", "wei"))}
    return types.pop() if len(types) == 1 else "unknown"

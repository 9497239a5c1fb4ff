"""Looking bytes up in a table of 256: one after the other, or a vector of 64 of them at a time.

An instruction looks up 16 entries by the low half of a byte, and gives zero for a byte whose highest bit is set. So the
table is cut into 16 rows, and each is asked with all bytes, of which those of other rows have got that bit.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from dlas.layers.codegen.tvm.quantised import Bytes, Floats
from dlas.tensorir import layout
from dlas.tensorir.emitter import OPAQUE, Emitter, Value
from dlas.tensorir.primfunc import argument, extents, instruction, primfunc, splat

_TOGETHER, _VECTOR = 64, "uint8x64"
_ROWS, _ROW = 16, 16
_SHUFFLE, _ADD = "llvm.x86.avx512.pshuf.b.512", "llvm.uadd.sat"
_SCHEDULE = "dlas.layers.codegen.tvm.lookup.schedule"


def entries(emitter: Emitter, image: Value, table: Bytes | Floats) -> Value:
    """For each byte of an image its entry in a table."""
    vectors = emitter.machine.vnni and layout.size(image.shape, image.block) % _TOGETHER == 0
    found = _by_vectors if vectors and table.dtype == np.uint8 else _one_by_one
    return replace(image, var=found(emitter, image, table))


def _one_by_one(emitter: Emitter, image: Value, table: Bytes | Floats) -> Any:
    from tvm import te

    def expression(tensor: Any, rows: Any) -> Any:
        attrs = {"schedule": "dlas.layers.codegen.tvm.scheduling.one_by_one"}
        return te.compute(tensor.shape, lambda *at: rows[tensor[at].astype("int32")], name="lookup", attrs=attrs)

    return emitter.compute("lookup", expression, image.var, table, attrs=OPAQUE)


def _by_vectors(emitter: Emitter, image: Value, table: Bytes | Floats) -> Any:
    shape = layout.stored(image.shape, image.block)
    rows = np.tile(table.reshape(_ROWS, _ROW), _TOGETHER // _ROW)
    return emitter.kernel("lookup", _kernel(shape), [image.var, rows], shape, "uint8")


def _kernel(shape: tuple[int, ...]) -> Any:
    """PrimFunc of bytes, the rows of a table, each as often as it fills a vector, and what is found there."""
    from tvm.script.ir_builder import tirx

    with primfunc("lookup", OPAQUE) as builder:
        image, rows = argument("image", shape, "uint8"), argument("rows", (_ROWS, _TOGETHER), "uint8")
        out = argument("out", shape, "uint8")
        with tirx.grid(*extents(int(np.prod(shape)) // _TOGETHER)) as p, tirx.sblock("lookup"):
            p = tirx.axis.remap("S", [p])
            everything = tuple(slice(0, extent) for extent in shape)
            tirx.reads(image[everything], rows[0:_ROWS, 0:_TOGETHER])
            tirx.writes(out[everything])
            tirx.sblock_attr({"schedule": _SCHEDULE})
            place = [*[0] * (len(shape) - 1), tirx.ramp(p * _TOGETHER, 1, _TOGETHER)]  # counted from the first byte
            tirx.buffer_store(out, _found(image[tuple(place)], rows), place)
    return builder.get()


def _found(numbers: Any, rows: Any) -> Any:
    """The entries of 64 bytes."""
    from tvm.script.ir_builder import tirx

    numbers, found = tirx.bind(numbers), splat(0, "uint8", _TOGETHER)
    for row in range(_ROWS):
        ours = numbers ^ splat(row * _ROW, "uint8", _TOGETHER)  # below 16 where the byte is of this row
        asked = instruction(_ADD, _VECTOR, ours, splat(0x70, "uint8", _TOGETHER))
        found = found | instruction(_SHUFFLE, _VECTOR, rows[row, tirx.ramp(0, 1, _TOGETHER)], asked)
    return found


def schedule(s: Any, anchor: Any, _sizes: Any) -> None:
    """Vectors in parallel."""
    s.parallel(s.fuse(*s.get_loops(anchor)))

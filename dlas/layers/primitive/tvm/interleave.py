"""Planes of bytes as words of four channels, a vector of pixels at a time: what an instruction takes of a pixel."""

from typing import TYPE_CHECKING, Any

import numpy as np

from dlas.layers.primitive.tvm.buffers import argument, extents
from dlas.layers.primitive.tvm.vnni import GROUP
from dlas.tensorir.emitter import OPAQUE, Emitter, Value
from dlas.tensorir.layout import PLAIN, stored

if TYPE_CHECKING:
    from tvm.s_tir import Schedule

_ANCHOR, _SCHEDULE = "interleave", "dlas.layers.primitive.tvm.interleave.schedule"


def interleavable(emitter: Emitter, image: Value) -> bool:
    """Whether an image is plain, has few enough channels, and fills vectors with its pixels."""
    _, channels, high, wide = image.shape
    return image.block == PLAIN and channels <= GROUP and high * wide % emitter.machine.lanes == 0


def interleaved(emitter: Emitter, image: Value) -> Value:
    """Such an image (uint8) with a block of four channels; what fills it up is zero."""
    shape = stored(image.shape, GROUP)
    var = emitter.kernel("interleave", _kernel(image.shape, emitter.machine.lanes), [image.var], shape, "uint8")
    emitter.copies.append(int(np.prod(shape)))
    return Value(var, image.shape, GROUP)


def _kernel(shape: tuple[int, ...], together: int) -> Any:
    """PrimFunc of a plain and a blocked image, so many pixels at once."""
    from tvm.script.ir_builder import IRBuilder, tirx

    batch, channels, high, wide = shape
    with IRBuilder() as builder, tirx.prim_func(is_private=True, s_tir=True):
        tirx.func_name("interleave")
        tirx.func_attr({**OPAQUE, "tirx.noalias": True})
        image, out = argument("image", shape, "uint8"), argument("out", stored(shape, GROUP), "uint8")
        with tirx.grid(*extents(batch, high * wide // together)) as (n, p), tirx.sblock(_ANCHOR):
            n, p = tirx.axis.remap("SS", [n, p])
            tirx.reads(image[n, 0:channels, 0:high, 0:wide])
            tirx.writes(out[n, 0, 0:high, 0:wide, 0:GROUP])
            tirx.sblock_attr({"schedule": _SCHEDULE})
            planes = [
                image[n, c, 0, tirx.ramp(p * together, 1, together)] for c in range(channels)
            ]  # from the first row
            place = tirx.ramp(p * together * GROUP, 1, together * GROUP)
            tirx.buffer_store(out, _words(planes, together), [n, 0, 0, 0, place])
    return builder.get()


def _words(planes: list[Any], together: int) -> Any:
    """The bytes of each pixel behind one another."""
    from tvm.script.ir_builder import tirx

    kind = f"int32x{together}"
    words = planes[0].astype(kind)
    for number, plane in enumerate(planes[1:], 1):
        words = words | plane.astype(kind) << tirx.broadcast(tirx.int32(8 * number), together)
    return tirx.reinterpret(f"uint8x{together * GROUP}", words)


def schedule(s: "Schedule", anchor: Any, _: Any) -> None:
    """Vectors of pixels in parallel."""
    s.parallel(s.fuse(*s.get_loops(anchor)))

"""Planes of bytes as words of four channels, a vector of pixels at a time: what an instruction takes of a pixel."""

from typing import TYPE_CHECKING, Any

import numpy as np

from dlas.layers.primitive.tvm.vnni import GROUP
from dlas.tensorir import steps
from dlas.tensorir.emitter import OPAQUE, Emitter, Value
from dlas.tensorir.layout import PLAIN, stored
from dlas.tensorir.primfunc import argument, extents, primfunc, splat

if TYPE_CHECKING:
    from tvm.s_tir import Schedule

_SCHEDULE = "dlas.layers.primitive.tvm.interleave.schedule"


def interleavable(emitter: Emitter, image: Value) -> bool:
    """Whether an image is plain and its pixels fill vectors."""
    _, _, high, wide = image.shape
    return image.block == PLAIN and high * wide % emitter.machine.lanes == 0


def interleaved(emitter: Emitter, image: Value) -> Value:
    """Such an image (uint8) in blocks of four channels; what fills the last is zero."""
    shape = stored(image.shape, GROUP)
    var = emitter.kernel("interleave", _kernel(image.shape, emitter.machine.lanes), [image.var], shape, "uint8")
    emitter.copies.append(int(np.prod(shape)))
    return Value(var, image.shape, GROUP)


def _kernel(shape: tuple[int, ...], together: int) -> Any:
    """PrimFunc of a plain and a blocked image, so many pixels at once."""

    whole, rest = divmod(shape[1], GROUP)
    with primfunc("interleave", OPAQUE) as builder:
        image, out = argument("image", shape, "uint8"), argument("out", stored(shape, GROUP), "uint8")
        if whole:
            _groups(image, out, (0, whole), GROUP, together)
        if rest:
            _groups(image, out, (whole, 1), rest, together)
    return builder.get()


def _groups(image: Any, out: Any, groups: tuple[int, int], planes: int, together: int) -> None:
    """So many groups of channels from the first on, each of so many planes."""
    from tvm.script.ir_builder import tirx

    first, count = groups
    batch, _, high, wide = (int(extent) for extent in image.shape)
    with tirx.grid(*extents(batch, count, high * wide // together)) as at, tirx.sblock(f"interleave{planes}"):
        n, g, p = tirx.axis.remap("SSS", list(at))
        tirx.reads(image[n, (first + g) * GROUP : (first + g) * GROUP + planes, 0:high, 0:wide])
        tirx.writes(out[n, first + g, 0:high, 0:wide, 0:GROUP])
        tirx.sblock_attr({"schedule": _SCHEDULE})
        pixels = tirx.ramp(p * together, 1, together)  # counted from the first of the plane
        words = _words([image[n, (first + g) * GROUP + c, 0, pixels] for c in range(planes)], together)
        tirx.buffer_store(out, words, [n, first + g, 0, 0, tirx.ramp(p * together * GROUP, 1, together * GROUP)])


def _words(planes: list[Any], together: int) -> Any:
    """The bytes of each pixel behind one another."""
    from tvm.script.ir_builder import tirx

    kind = f"int32x{together}"
    words = planes[0].astype(kind)
    for number, plane in enumerate(planes[1:], 1):
        words = words | plane.astype(kind) << splat(8 * number, "int32", together)
    return tirx.reinterpret(f"uint8x{together * GROUP}", words)


def schedule(s: "Schedule", _anchor: Any, _sizes: Any) -> None:
    """Vectors of pixels in parallel."""
    for block in steps.blocks(s):
        s.parallel(s.fuse(*s.get_loops(block)))

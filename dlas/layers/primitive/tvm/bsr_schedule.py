"""How the block-sparse kernel is scheduled."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlas.layers.primitive.tvm.expressions import PAD
from dlas.tensorir import steps

if TYPE_CHECKING:
    from tvm.s_tir import Schedule


def bsr(s: "Schedule", anchor: Any, sizes: Mapping[str, int]) -> None:
    """Pad the image; then block by block of channels, row by row, with what follows."""
    out = steps.inline_epilogue(s, anchor)
    n, o, h, w, v = s.get_loops(out)
    o, vector = s.split(o, [None, sizes["vectors"]])
    s.reorder(n, o, h, vector, w, v)
    s.compute_at(anchor, h, preserve_unit_loops=True)
    s.parallel(s.fuse(n, o))
    s.vectorize(v)
    pad = steps.find(s, PAD)
    if pad is not None:
        s.parallel(s.fuse(*s.get_loops(pad)[:2]))

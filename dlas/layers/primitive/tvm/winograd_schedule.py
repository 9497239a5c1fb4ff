"""How the Winograd kernel is scheduled."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlas.layers.primitive.tvm.expressions import PAD
from dlas.layers.primitive.tvm.winograd_kernel import TRANSFORM
from dlas.tensorir import steps

if TYPE_CHECKING:
    from tvm.s_tir import Schedule


def winograd(s: "Schedule", anchor: Any, sizes: Mapping[str, int]) -> None:
    """Pad and transform the image; then a few vectors of channels at a time, with what follows them."""
    out = steps.inline_epilogue(s, anchor)
    n, o, _, _, v = s.get_loops(out)
    o, _ = s.split(o, [None, sizes["vectors"]])
    s.compute_at(anchor, o, preserve_unit_loops=True)
    s.parallel(s.fuse(n, o))
    s.vectorize(v)
    pad, transform = steps.find(s, PAD), steps.find(s, TRANSFORM)
    s.parallel(s.fuse(*s.get_loops(pad)[:2]))
    s.parallel(s.fuse(*s.get_loops(transform)))

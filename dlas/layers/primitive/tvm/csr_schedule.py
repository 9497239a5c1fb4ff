"""How the sparse kernel is scheduled."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlas.layers.primitive.tvm.csr_kernel import FILL
from dlas.tensorir import steps

if TYPE_CHECKING:
    from tvm.s_tir import Schedule

_WIDE = 8  # vectors that a row may have and still be written as one


def csr(s: "Schedule", anchor: Any, sizes: Mapping[str, int]) -> None:
    """A slab of rows at a time: fill its planes, then channel by channel its sums and what follows them."""
    out = steps.inline_epilogue(s, anchor)
    n, o, h, w = s.get_loops(out)
    slab, row = s.split(h, [None, sizes["height"]])
    s.reorder(n, slab, o, row, w)
    fill = steps.find(s, FILL)
    if steps.extent(s, slab) > 1:
        s.compute_at(anchor, o, preserve_unit_loops=True)
        if fill is not None:
            s.compute_at(fill, slab, preserve_unit_loops=True)
        s.parallel(s.fuse(n, slab))
    else:
        s.compute_at(anchor, o, preserve_unit_loops=True)
        if fill is not None:
            s.parallel(s.fuse(*s.get_loops(fill)))
        s.parallel(s.fuse(n, slab, o))
    _vectorise(s, w, sizes["lanes"])


def _vectorise(s: "Schedule", w: Any, lanes: int) -> None:
    """A row as one vector, which the compiler cuts; longer rows in equal parts."""
    width = steps.extent(s, w)
    if width <= _WIDE * lanes:
        s.vectorize(w)
    else:
        most = next(size for size in range(_WIDE * lanes, 0, -1) if width % size == 0)
        s.vectorize(s.split(w, [None, most])[1])

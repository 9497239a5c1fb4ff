"""How the integer kernels are scheduled: the tiles of the float32 ones, four products at a time innermost."""

from typing import TYPE_CHECKING, Any

from dlas.layers.primitive.tvm import schedules, vnni
from dlas.layers.primitive.tvm.expressions import ANCHOR, PAD
from dlas.layers.primitive.tvm.schedules import Sizes
from dlas.tensorir import steps

if TYPE_CHECKING:
    from tvm.s_tir import Schedule


def pack(s: "Schedule", anchor: Any, sizes: Sizes) -> None:
    """Tile rows, columns and channel blocks; kernel rows and columns unrolled where the window is small."""
    (image, vectors, *pixels, lanes), (c, i, j, k) = schedules.blocked_tile(s, anchor, sizes)
    window = steps.extent(s, i) * steps.extent(s, j)
    steps.unroll(s, [i, j] if window <= schedules.WINDOW else [j])
    c, turns = s.split(c, [None, sizes["unroll"] if window == 1 else 1])
    _reduce(s, anchor, [c, i, j, turns], [image, *pixels, vectors, lanes, k], sizes)
    schedules.pad_first(s)


def depthwise(s: "Schedule", anchor: Any, sizes: Sizes) -> None:
    """A row at a time, and what follows it; padding by bands of rows, so that a band stays in the first cache."""
    out = steps.inline_epilogue(s, anchor)
    n, c, h, w, v = s.get_loops(out)
    band, h = s.split(h, [None, sizes["rows"]])
    s.reorder(n, c, band, h, w, v)
    s.parallel(s.fuse(n, c))
    s.compute_at(anchor, h, preserve_unit_loops=True)
    s.set_scope(anchor, 0, "local")
    pad = steps.find(s, PAD)
    if pad is not None:
        s.compute_at(pad, band, preserve_unit_loops=True)
    s.vectorize(v)


def tiles(s: "Schedule", anchor: Any, sizes: Sizes) -> None:
    """A band of rows at a time, and what follows it."""
    out = steps.inline_epilogue(s, anchor)
    n, o, h, _, v = s.get_loops(out)
    band, _ = s.split(h, [None, sizes["rows"]])
    s.compute_at(anchor, band, preserve_unit_loops=True)
    s.parallel(s.fuse(n, o, band))
    schedules.pad_first(s)
    s.vectorize(v)


def linear(s: "Schedule", anchor: Any, sizes: Sizes) -> None:
    """A tile of rows x vectors of outputs; the weights are read once, in their order."""
    rows, outer, inner, (c, k) = schedules.rows_tile(s, anchor, sizes)
    c, turns = s.split(c, [None, 1])
    _reduce(s, anchor, [c, turns], [rows, outer, *s.split(inner, [None, sizes["lanes"]]), k], sizes)


def _reduce(s: "Schedule", anchor: Any, order: list[Any], tile: list[Any], sizes: Sizes) -> None:
    """Reduction loops outside the tile, whose last two loops are one instruction; the tile in registers."""
    *others, lanes, k = tile
    inner = [lanes, k] if sizes["vnni"] else [k, lanes]
    s.reorder(*order, *others, *inner)
    steps.unroll(s, [order[-1], *others])
    if not sizes["vnni"]:
        s.unroll(k)
        s.vectorize(lanes)
    steps.start_values(s, anchor, order[0], len(others) + 1)
    if sizes["vnni"]:
        update = steps.find(s, f"{ANCHOR}_update")
        s.blockize(s.get_loops(update)[-2])  # keeps the guard of a last tile, which an instruction has not
        s.tensorize(s.get_loops(update)[-2], vnni.register())

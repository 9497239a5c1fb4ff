"""How the kernels of the dense primitives are scheduled: each is a recipe of steps, its sizes are in the anchor."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlas.layers.primitive.tvm.expressions import PAD, PATCHES
from dlas.tensorir import steps

if TYPE_CHECKING:
    from tvm.s_tir import Schedule

Sizes = Mapping[str, int]
_TILE = 5  # loops of a tile of an image: image, channel blocks, rows, columns, lanes
_PLAIN = 4  # loops over a plain image
WINDOW = 9  # places of a kernel that are unrolled together


def spatial_pack(s: "Schedule", anchor: Any, sizes: Sizes) -> None:
    """Tile rows, columns and channel blocks; reduce in registers; write with the epilogue."""
    (image, vectors, *pixels, lanes), (c, i, j) = blocked_tile(s, anchor, sizes)
    window = steps.extent(s, i) * steps.extent(s, j)
    steps.unroll(s, [i, j] if window <= WINDOW else [j])
    # Pixel by pixel, so that one broadcast is held beside the sums, not one for each pixel.
    tile = [image, *pixels, vectors, lanes]
    _reduce(s, anchor, [c, i, j], c, sizes["unroll"] if window == 1 else 1, tile)
    pad_first(s)


def blocked_tile(s: "Schedule", anchor: Any, sizes: Sizes) -> tuple[list[Any], list[Any]]:
    """A register tile of a blocked output, written with the epilogue; its loops and those of the reduction.

    The weights of a group of channel tiles stay in the second cache while all pixels pass by.
    """
    out = steps.inline_epilogue(s, anchor)
    n, o, h, w, v = s.get_loops(out)
    group, o, o_tile = s.split(o, [None, sizes["group"], sizes["blocks"]])
    h, h_tile = s.split(h, [None, sizes["rows"]])
    w, w_tile = s.split(w, [None, sizes["columns"]])
    s.reorder(n, group, h, w, o, o_tile, h_tile, w_tile, v)
    s.parallel(s.fuse(n, group, h))
    tile = steps.registers(s, anchor, o, _TILE)
    steps.unroll(s, [o_tile, h_tile, w_tile])
    s.vectorize(v)
    return tile


def spatial_pack_in_parts(s: "Schedule", anchor: Any, sizes: Sizes) -> None:
    """For deep reductions: part of the input channels at a time, for all pixels; the sums wait in memory meanwhile.

    The weights of a part stay in the first cache.
    """
    out = steps.inline_epilogue(s, anchor)
    n, o, h, w, v = s.get_loops(out)
    o, o_tile = s.split(o, [None, sizes["blocks"]])
    s.reorder(n, o, h, w, o_tile, v)
    s.vectorize(v)
    together = s.fuse(n, o)
    s.parallel(together)
    (image, vectors, h, w, lanes), (c, i, j) = steps.registers(s, anchor, together, _TILE)
    part, c = s.split(c, [None, sizes["part"]])
    window = steps.extent(s, i) * steps.extent(s, j)
    h, h_tile = s.split(h, [None, sizes["rows"]])
    w, w_tile = s.split(w, [None, sizes["columns"]])
    tile = [h_tile, w_tile, vectors, lanes]
    s.reorder(image, part, h, w, c, i, j, *tile)
    steps.unroll(s, [i, j] if window <= WINDOW else [j])
    _order(s, [c, i, j], c, sizes["unroll"] if window == 1 else 1, tile)
    steps.start_values(s, anchor, part, 1)
    pad_first(s)


def direct(s: "Schedule", anchor: Any, sizes: Sizes) -> None:
    """Tile rows, columns and vectors of channels; kernel rows and columns outside, input channels inside."""
    out = steps.inline_epilogue(s, anchor)
    n, one, h, w, v = s.get_loops(out)
    v, v_tile, lane = s.split(v, [None, sizes["blocks"], sizes["lanes"]])
    h, h_tile = s.split(h, [None, sizes["rows"]])
    w, w_tile = s.split(w, [None, sizes["columns"]])
    s.reorder(n, one, v, h, w, h_tile, w_tile, v_tile, lane)
    s.parallel(s.fuse(n, one, v, h))
    (*tile, vectors), (c, i, j) = steps.registers(s, anchor, w, _TILE)
    _reduce(s, anchor, [i, j, c], c, sizes["unroll"], [*tile, *s.split(vectors, [None, sizes["lanes"]])])
    steps.unroll(s, [h_tile, w_tile, v_tile])
    s.vectorize(lane)
    pad_first(s)


def gemm(s: "Schedule", anchor: Any, sizes: Sizes) -> None:
    """Gather the patches of a panel of pixels; multiply it, a register tile of pixels x channels at a time."""
    out = steps.inline_epilogue(s, anchor)
    wide = steps.extent(s, s.get_loops(out)[3])
    s.transform_block_layout(out, lambda n, one, h, w, v: (n, one, h * wide + w, v))
    n, one, p, v = s.get_loops(out)
    v, v_tile, lane = s.split(v, [None, sizes["blocks"], sizes["lanes"]])
    panel, p = s.split(p, [None, sizes["panel"]])
    p, p_tile = s.split(p, [None, sizes["columns"]])
    s.reorder(n, one, panel, v, p, p_tile, v_tile, lane)
    panel = s.fuse(n, one, panel) if sizes["copies"] else s.fuse(n, one, panel, v)
    s.parallel(panel)
    (*tile, vectors), reduction = steps.registers(s, anchor, p, 3)
    loops = reduction if len(reduction) == _DEPTHWISE else [reduction[1], reduction[2], reduction[0]]
    vectors, lanes = s.split(vectors, [None, sizes["lanes"]])
    _reduce(s, anchor, loops, loops[-1], sizes["unroll"], [*tile, vectors, lanes])
    steps.unroll(s, [p_tile, v_tile])
    s.vectorize(lane)
    _gather(s, panel, sizes)


_DEPTHWISE = 2  # reduction loops of a depthwise convolution: kernel rows and columns


def _gather(s: "Schedule", panel: Any, sizes: Sizes) -> None:
    """Patches of one panel at a time, padded on the way; none where the image is its own matrix."""
    patches, pad = steps.find(s, PATCHES), steps.find(s, PAD)
    if pad is not None:
        s.compute_inline(pad)
    if not sizes["copies"]:
        s.compute_inline(patches)
        return
    s.compute_at(patches, panel, preserve_unit_loops=True)
    channels = s.get_loops(patches)[-1]
    if steps.extent(s, channels) % sizes["lanes"] == 0:
        s.vectorize(s.split(channels, [None, sizes["lanes"]])[-1])


def _reduce(s: "Schedule", anchor: Any, order: list[Any], channels: Any, turns: int, tile: list[Any]) -> None:
    """Reduction loops in an order outside the tile, a few input channels unrolled innermost; the tile in registers."""
    steps.start_values(s, anchor, _order(s, order, channels, turns, tile), len(tile))


def _order(s: "Schedule", order: list[Any], channels: Any, turns: int, tile: list[Any]) -> Any:
    """The same without start values; returns the outermost reduction loop."""
    outer, unrolled = s.split(channels, [None, turns])
    order = [outer if loop is channels else loop for loop in order]
    s.reorder(*order, unrolled, *tile)
    steps.unroll(s, [unrolled, *tile[:-1]])
    s.vectorize(tile[-1])
    return order[0]


def pad_first(s: "Schedule") -> None:
    """Padding is a pass of its own over the image."""
    pad = steps.find(s, PAD)
    if pad is None:
        return
    loops = s.get_loops(pad)
    s.parallel(s.fuse(*loops[:2]))
    width = next((width for width in _COPIED if steps.extent(s, loops[-1]) % width == 0), 0)
    if len(loops) > _PLAIN and width:
        s.vectorize(s.split(loops[-1], [None, width])[-1])


_COPIED = (16, 8, 4)  # elements that are copied at once


def depthwise(s: "Schedule", anchor: Any, sizes: Sizes) -> None:
    """A row of columns at a time; padding by bands of rows, so that a band stays in the first cache."""
    out = steps.inline_epilogue(s, anchor)
    n, c, h, w, v = s.get_loops(out)
    w, w_tile = s.split(w, [None, sizes["columns"]])
    band, h = s.split(h, [None, sizes["rows"]])
    s.reorder(n, c, band, h, w, w_tile, v)
    s.parallel(s.fuse(n, c))
    tile, (i, j) = steps.registers(s, anchor, w, _TILE)
    pad = steps.find(s, PAD)
    if pad is not None:
        s.compute_at(pad, band, preserve_unit_loops=True)
        s.vectorize(s.get_loops(pad)[-1])
    _reduce(s, anchor, [i, j], j, 1, tile)
    steps.unroll(s, [w_tile])
    s.vectorize(v)


def direct_depthwise(s: "Schedule", anchor: Any, sizes: Sizes) -> None:
    """The same on channels-last activations: a vector of channels, all rows of it, then the next."""
    out = steps.inline_epilogue(s, anchor)
    n, one, h, w, v = s.get_loops(out)
    v, lane = s.split(v, [None, sizes["lanes"]])
    w, w_tile = s.split(w, [None, sizes["columns"]])
    s.reorder(n, one, h, v, w, w_tile, lane)
    s.parallel(s.fuse(n, one, h))
    (*tile, vectors), (i, j) = steps.registers(s, anchor, w, _TILE)
    _reduce(s, anchor, [i, j], j, 1, [*tile, *s.split(vectors, [None, sizes["lanes"]])])
    steps.unroll(s, [w_tile])
    s.vectorize(lane)
    pad_first(s)


def linear(s: "Schedule", anchor: Any, sizes: Sizes) -> None:
    """A tile of rows x vectors of outputs; the weights are read once, in their order."""
    rows, outer, inner, (k,) = rows_tile(s, anchor, sizes)
    tile = [rows, outer, *s.split(inner, [None, sizes["lanes"]])]
    _reduce(s, anchor, [k], k, 1, tile)


def rows_tile(s: "Schedule", anchor: Any, sizes: Sizes) -> tuple[Any, Any, Any, list[Any]]:
    """A register tile of a linear operator: its loops over rows, vectors together and a vector, and the reduction's."""
    out = steps.inline_epilogue(s, anchor)
    width = steps.extent(s, s.get_loops(anchor)[2])
    n, o = s.get_loops(out)
    n, n_tile = s.split(n, [None, sizes["rows"]])
    o, o_tile = s.split(o, [None, width])
    s.reorder(o, n, n_tile, o_tile)
    s.parallel(o)
    (rows, outer, inner), reduction = steps.registers(s, anchor, n, 3)
    return rows, outer, inner, reduction

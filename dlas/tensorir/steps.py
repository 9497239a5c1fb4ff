"""Steps that schedules are made of: one rewrite of a kernel's loops, one name each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tvm.s_tir import Schedule

Block = Any
Loop = Any


def extent(s: "Schedule", loop: Loop) -> int:
    """How many turns a loop has."""
    return int(s.get(loop).extent)


def find(s: "Schedule", name: str) -> "Block | None":
    """A block of the kernel by name."""
    return next((block for block in blocks(s) if s.get(block).name_hint == name), None)


def blocks(s: "Schedule") -> list[Block]:
    """All blocks of the kernel, in order."""
    return list(s.get_child_blocks(s.get_sblock("root")))


def inline_epilogue(s: "Schedule", anchor: Block) -> Block:
    """Inline everything between the anchor and the kernel's output; returns the block that writes the output."""
    while True:
        consumers = s.get_consumers(anchor)
        if not consumers:
            return s.cache_write(anchor, 0, "local")
        between = [consumer for consumer in consumers if s.get_consumers(consumer)]
        if not between:
            return consumers[0]
        s.compute_inline(between[0])


def unroll(s: "Schedule", loops: Sequence[Loop]) -> None:
    """Unroll every one of the loops."""
    for loop in loops:
        s.unroll(loop)


def registers(s: "Schedule", anchor: Block, at: Loop, spatial: int) -> tuple[list[Loop], list[Loop]]:
    """Compute the anchor's tile in registers at a loop; returns its loops over the tile and over the reduction."""
    s.compute_at(anchor, at, preserve_unit_loops=True)
    s.set_scope(anchor, 0, "local")
    reductions = sum(1 for axis in s.get(anchor).iter_vars if int(axis.iter_type) == REDUCTION)
    loops = s.get_loops(anchor)[-(spatial + reductions) :]
    return list(loops[:spatial]), list(loops[spatial:])


def start_values(s: "Schedule", anchor: Block, reduction: Loop, spatial: int) -> None:
    """Set the accumulators before the outermost reduction loop, unrolled and vectorised."""
    before = s.decompose_reduction(anchor, reduction)
    tile_loops = s.get_loops(before)[-spatial:]
    unroll(s, tile_loops[:-1])
    s.vectorize(tile_loops[-1])


SPATIAL, REDUCTION = 0, 2  # tirx.IterVar.DataPar, CommReduce

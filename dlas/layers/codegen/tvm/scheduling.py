"""Fusion, then a schedule for every kernel: the one that its primitive named, a plain one for everything else."""

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dlas.tensorir import steps
from dlas.tensorir.machine import Machine

if TYPE_CHECKING:
    from tvm import ir
    from tvm.s_tir import Schedule

_UNROLLED = 25  # turns of a reduction, a 5x5 window
# Loops over a blocked image, and those of them down to a row; over a plain one, and those down to a channel.
_BLOCKED, _ROWS, _PLAIN, _CHANNELS = 5, 3, 4, 2
_TOGETHER = 16  # elements that are looked up one after the other
NAMED = "schedule"  # the annotation that holds the dotted name


NO_TRACES: Mapping[str, str] = {}


def kernels(
    module: "ir.IRModule", machine: Machine, schedule: str, traces: Mapping[str, str] = NO_TRACES
) -> "ir.IRModule":
    """The lowered module as kernels, their loops in order unless they stay as written (`naive`)."""
    return fused(module) if schedule == "naive" else scheduled(fused(module), machine, traces)


def fused(module: "ir.IRModule") -> "ir.IRModule":
    """Operators as kernels, element-wise ones behind the kernel whose output they take."""
    from tvm import ir, relax

    passes = relax.transform
    return ir.transform.Sequential(
        [
            passes.DeadCodeElimination(),
            passes.LegalizeOps(),
            passes.AnnotateTIROpPattern(),
            passes.FoldConstant(),
            passes.FuseOps(),
            passes.FuseTIR(),
            passes.DeadCodeElimination(),
        ]
    )(module)


def scheduled(module: "ir.IRModule", machine: Machine, traces: Mapping[str, str] = NO_TRACES) -> "ir.IRModule":
    """Every kernel of the module with its schedule; `traces` schedule kernels by their structure."""
    from tvm import ir, tirx

    functions = {
        name: kernel(function, machine, traces.get(structure(function), "") if traces else "")
        if isinstance(function, tirx.PrimFunc)
        else function
        for name, function in module.functions.items()
    }
    return ir.IRModule(functions, attrs=module.attrs)


def structure(function: Any) -> str:
    """Hash of a kernel's shapes and arithmetic; values of constants and names do not count."""
    import tvm_ffi

    return f"{tvm_ffi.structural_hash(function):016x}"


def kernel(function: Any, machine: Machine, trace: str = "") -> Any:
    """One kernel with its schedule: that of a trace, of its primitive, or a plain one."""
    if trace:
        from dlas.layers.codegen.tvm.tuning import generic

        return generic.applied(function, trace)
    from tvm import ir, s_tir

    s = s_tir.Schedule(ir.IRModule({"main": function}))
    anchor, annotations = _anchor(s)
    if anchor is None:
        plain(s, machine.lanes)
    else:
        _recipe(str(annotations[NAMED]))(s, anchor, _sizes(annotations))
    return _guards_likely(s.mod["main"])


def _guards_likely(function: Any) -> Any:
    """Conditions of tiles that do not divide, marked so that LoopPartition compiles the last tile apart."""
    import tvm_ffi
    from tvm import tirx
    from tvm.s_tir import stmt

    def mark(realize: Any) -> Any:
        if isinstance(realize.predicate, tirx.IntImm):
            return realize
        return stmt.SBlockRealize(realize.iter_values, tirx.likely(realize.predicate), realize.block)

    return function.with_body(tvm_ffi.structural_map(function.body, (stmt.SBlockRealize, mark)))


def _anchor(s: "Schedule") -> tuple[Any, Mapping[str, Any]]:
    for block in steps.blocks(s):
        annotations = s.get(block).annotations
        if NAMED in annotations:
            return block, annotations
    return None, {}


def _recipe(name: str) -> Callable[..., None]:
    module, _, function = name.rpartition(".")
    found: Callable[..., None] = getattr(importlib.import_module(module), function)
    return found


def _sizes(annotations: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(value) for name, value in annotations.items() if name != NAMED and hasattr(value, "__int__")}


def plain(s: "Schedule", lanes: int) -> None:
    """Inline what can be, vectorise the innermost loop of the rest, run the outermost in parallel."""
    for block in steps.blocks(s)[:-1]:
        if not _reduces(s, block) and s.get_consumers(block):
            s.compute_inline(block)
    for block in steps.blocks(s):
        _plain_block(s, block, lanes)


def one_by_one(s: "Schedule", anchor: Any, _: Mapping[str, int]) -> None:
    """Element after element: what is looked up in a table is no vector."""
    outer, inner = s.split(s.fuse(*s.get_loops(anchor)), [None, _TOGETHER])
    s.parallel(outer)
    s.unroll(inner)


def _plain_block(s: "Schedule", block: Any, lanes: int) -> None:
    loops = s.get_loops(block)
    kinds = [int(axis.iter_type) for axis in s.get(block).iter_vars]
    spatial = [loop for loop, kind in zip(loops, kinds, strict=True) if kind == steps.SPATIAL]
    reductions = [loop for loop, kind in zip(loops, kinds, strict=True) if kind == steps.REDUCTION]
    if not spatial:
        return
    if not reductions:
        rows, widest = _rows(s, spatial, lanes)
        together = s.fuse(*spatial[len(rows) :])
        outer, inner = s.split(together, [None, _width(steps.extent(s, together), widest)])
        s.parallel(s.fuse(*rows) if rows else outer)
        s.vectorize(inner)
    elif steps.extent(s, spatial[-1]) % lanes == 0:
        _reduction(s, block, spatial, reductions, lanes)
    else:
        s.parallel(spatial[0])


def _rows(s: "Schedule", spatial: list[Any], lanes: int) -> tuple[list[Any], int]:
    """Loops outside those that are one, and the widest vector of these: what a channel decides is decided outside."""
    if len(spatial) == _BLOCKED:
        return spatial[:_ROWS], lanes
    if len(spatial) == _PLAIN and steps.extent(s, spatial[2]) * steps.extent(s, spatial[3]) >= lanes:
        return spatial[:_CHANNELS], 2 * lanes
    return [], 2 * lanes


def _reduction(s: "Schedule", block: Any, spatial: list[Any], reductions: list[Any], lanes: int) -> None:
    """Lanes innermost, accumulated in registers; small windows unrolled."""
    outer, inner = s.split(spatial[-1], [None, lanes])
    s.reorder(*spatial[:-1], outer, *reductions, inner)
    total = s.cache_write(block, 0, "local")
    s.reverse_compute_at(total, outer)
    s.vectorize(s.get_loops(total)[-1])
    s.vectorize(inner)
    window = 1
    for loop in reductions:
        window *= steps.extent(s, loop)
    if window <= _UNROLLED:
        steps.unroll(s, reductions)
    s.parallel(s.fuse(*spatial[:-1]) if len(spatial) > 1 else outer)
    first = s.decompose_reduction(block, reductions[0])
    s.vectorize(s.get_loops(first)[-1])


def _reduces(s: "Schedule", block: Any) -> bool:
    return any(int(axis.iter_type) == steps.REDUCTION for axis in s.get(block).iter_vars)


def _width(turns: int, widest: int) -> int:
    """The widest vector that divides so many turns."""
    return next(width for width in (widest, widest // 2, widest // 4, 1) if turns % width == 0)

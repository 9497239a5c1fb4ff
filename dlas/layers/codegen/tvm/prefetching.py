"""Constants that stream from memory, asked for ahead: the processor's own prefetcher ends at every page of 4 KiB."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from math import prod
from typing import Any

from dlas.tensorir.sizes import item_bytes, total_bytes

LEAST = 256 << 10  # bytes of a constant; fewer stay in a cache that is near enough
_AHEAD = 16 << 10  # bytes; of 2 to 32 KiB the best where 512 channels meet 512 on 4x4 and 7x7 pixels
_AGAIN = 8  # turns at most that read the same weights again: of more the first, which waits, hardly counts
_LINE = 64  # bytes of a line of the caches
_CONSTANT = "param_"  # how TVM names what it lifts out of a fused kernel: its constants


def prefetched(function: Any) -> Any:
    """The lowered function, whose innermost loops ask for the weights that they read some turns later."""
    import tvm_ffi
    from tvm import tirx

    nest = _nest(function.body)
    return function.with_body(tvm_ffi.structural_map(function.body, (tirx.For, lambda loop: _ahead(loop, nest))))


@dataclass(frozen=True)
class _Nest:
    """What the loops of a function are within."""

    values: Mapping[Any, Any]  # of variables that stand for an expression
    around: Mapping[Any, Sequence[Any]]  # loops around a loop, by its variable
    outer: Set[Any]  # variables of the loops that others are within

    def again(self, loop: Any, used: Mapping[Any, int]) -> int:
        """Turns of the loops around a loop that read at the same place, which depends on the variables `used`."""
        return prod(used.get(each.loop_var, _turns(each)) for each in self.around.get(loop.loop_var, []))


def _nest(body: Any) -> _Nest:
    import tvm_ffi
    from tvm import tirx

    values: dict[Any, Any] = {}
    around: dict[Any, list[Any]] = defaultdict(list)

    def enclose(loop: Any) -> None:
        tvm_ffi.structural_walk(loop.body, (tirx.For, lambda found: around[found.loop_var].append(loop)))

    bind = (tirx.Bind, lambda bound: values.update({bound.var: bound.value}))
    tvm_ffi.structural_walk(body, [bind, (tirx.For, enclose)])
    return _Nest(values, around, {loop.loop_var for loops in around.values() for loop in loops})


def _ahead(loop: Any, nest: _Nest) -> Any:
    """The loop, whose statements ask for what they read some turns later, unless it reads the same often enough."""
    from tvm import tirx

    if loop.kind != tirx.ForKind.SERIAL or loop.loop_var in nest.outer:
        return loop
    statements = list(loop.body.seq) if isinstance(loop.body, tirx.SeqStmt) else [loop.body]
    reads = _first_reads(statements)
    used = _used([_first(load) for found in reads for load in found], nest.values)
    if loop.loop_var not in used or nest.again(loop, used) > _AGAIN:
        return loop
    body = tirx.SeqStmt(
        [part for asked, one in zip(reads, statements, strict=True) for part in (*map(_ask, asked), one)]
    )
    return tirx.For(loop.loop_var, loop.min, loop.extent, loop.kind, body, loop.thread_binding, loop.annotations)


def _turns(loop: Any) -> int:
    """How often a loop is run; too often where that is known only when it runs."""
    from tvm.ir import prim

    return int(loop.extent) if isinstance(loop.extent, prim.IntImm) else _AGAIN + 1


def _first_reads(statements: Sequence[Any]) -> list[list[Any]]:
    """For each statement, what it is the first to read of large constants, once for each line of the caches."""
    import tvm_ffi
    from tvm.ir.expr import TensorLoad

    known: dict[Any, list[Any]] = {}  # by the constant
    found: list[list[Any]] = []

    def note(load: Any) -> None:
        if not load.source.name.startswith(_CONSTANT) or total_bytes(load.source) < LEAST:
            return
        before = known.setdefault(load.source, [])
        if any(tvm_ffi.structural_equal(load, other) for other in before):
            return
        lanes = int(getattr(load.indices[0], "lanes", 1))
        if len(before) * lanes * item_bytes(load.source) % _LINE == 0:
            found[-1].append(load)
        before.append(load)

    for statement in statements:
        found.append([])
        tvm_ffi.structural_walk(statement, (TensorLoad, note))
    return found


def _first(load: Any) -> Any:
    """The index of what is read, of a vector the first."""
    return getattr(load.indices[0], "base", load.indices[0])


def _used(places: Sequence[Any], values: Mapping[Any, Any]) -> dict[Any, int]:
    """The variables that places depend on, and how many of each one's values share a place."""
    import tvm_ffi
    from tvm.ir import prim
    from tvm.ir.expr import Var

    shared: dict[Any, int] = {}

    def divided(quotient: Any) -> Any:
        if isinstance(quotient.a, Var) and quotient.a not in values and isinstance(quotient.b, prim.IntImm):
            shared.setdefault(quotient.a, int(quotient.b))
            return tvm_ffi.WalkResult.SKIP
        return None

    def plain(var: Any) -> None:
        if var in values:
            walk(values[var])
        else:
            shared[var] = 1

    def walk(place: Any) -> None:
        tvm_ffi.structural_walk(place, [(prim.FloorDiv, divided), (Var, plain)], order="pre")

    for place in places:
        walk(place)
    return shared


def _ask(load: Any) -> Any:
    """For the line that the same statement will read some turns later; beyond the end nothing is read."""
    from tvm import tirx

    place = _first(load) + _AHEAD // item_bytes(load.source)
    kept_and_read = (tirx.const(number, "int32") for number in (0, 3, 1))  # to be read, in all caches, as data
    return tirx.Evaluate(
        tirx.call_llvm_intrin("void", "llvm.prefetch", tirx.address_of(load.source[place]), *kept_and_read)
    )

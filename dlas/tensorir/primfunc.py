"""What every kernel that is written out with TVM's builder needs: a function, sizes, parameters, constants."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def primfunc(name: str, attrs: Mapping[str, int]) -> Iterator[Any]:
    """A builder that holds the function when the block is done."""
    from tvm.script.ir_builder import IRBuilder, tirx

    with IRBuilder() as builder, tirx.prim_func(is_private=True, s_tir=True):
        tirx.func_name(name)
        tirx.func_attr({**attrs, "tirx.noalias": True})
        yield builder


def extents(*sizes: int) -> tuple[Any, ...]:
    """Sizes as 64-bit constants, as Relax has them."""
    from tvm import tirx

    return tuple(tirx.IntImm("int64", int(size)) for size in sizes)


def argument(name: str, shape: tuple[int, ...], dtype: str = "float32") -> Any:
    """A parameter of the kernel."""
    from tvm.script.ir_builder import tirx

    return tirx.arg(name, tirx.Buffer(extents(*shape), dtype))


def splat(number: int, dtype: str, lanes: int) -> Any:
    """A vector that holds a number everywhere."""
    from tvm import tirx

    return tirx.Broadcast(tirx.const(number, dtype), lanes)


def instruction(name: str, kind: str, *operands: Any) -> Any:
    """What LLVM's intrinsic by that name gives, a value of that type."""
    from tvm.script.ir_builder import tirx

    return tirx.call_llvm_pure_intrin(kind, tirx.llvm_lookup_intrinsic_id(name), *operands)

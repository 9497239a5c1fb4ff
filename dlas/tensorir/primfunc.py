"""What every kernel that is written out with TVM's builder needs: sizes and parameters as Relax has them."""

from typing import Any


def extents(*sizes: int) -> tuple[Any, ...]:
    """Sizes as 64-bit constants, as Relax has them."""
    from tvm import tirx

    return tuple(tirx.IntImm("int64", int(size)) for size in sizes)


def argument(name: str, shape: tuple[int, ...], dtype: str = "float32") -> Any:
    """A parameter of the kernel."""
    from tvm.script.ir_builder import tirx

    return tirx.arg(name, tirx.Buffer(extents(*shape), dtype))

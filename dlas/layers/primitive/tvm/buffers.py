"""What kernels that are written out with TVM's builder share: their buffers, and the passes around their sums."""

from typing import Any

from dlas.tensorir.operators import Convolution

PAD, UNPACK = "pad", "unpack"


def extents(*sizes: int) -> tuple[Any, ...]:
    """Sizes as 64-bit constants, as Relax has them."""
    from tvm import tirx

    return tuple(tirx.IntImm("int64", int(size)) for size in sizes)


def argument(name: str, shape: tuple[int, ...], dtype: str = "float32") -> Any:
    """A parameter of the kernel."""
    from tvm.script.ir_builder import tirx

    return tirx.arg(name, tirx.Buffer(extents(*shape), dtype))


def even(total: int, most: int) -> list[tuple[int, int, int]]:
    """First, count and size of the groups that `total` makes, as few as hold `most`; sizes differ by one at most."""
    count = -(-total // most)
    small, larger = divmod(total, count)
    found = [(0, larger, small + 1), (larger * (small + 1), count - larger, small)]
    return [group for group in found if group[1]]


def padded(operator: Convolution, image: Any, high: int, wide: int) -> Any:
    """A blocked image with zeros around it, so many rows and columns in all."""
    from tvm.script.ir_builder import tirx

    (_, _, rows, columns), (top, left) = operator.image, operator.padding[:2]
    batch, outer, _, _, lanes = (int(extent) for extent in image.shape)
    shape = extents(batch, outer, high, wide, lanes)
    result = tirx.sblock_alloc_buffer(shape)
    with tirx.grid(*shape) as (n, c, h, w, v), tirx.sblock(PAD):
        n, c, h, w, v = tirx.axis.remap("SSSSS", [n, c, h, w, v])
        inside = tirx.And(tirx.And(h >= top, h < rows + top), tirx.And(w >= left, w < columns + left))
        pixel = tirx.if_then_else(inside, image[n, c, h - top, w - left, v], tirx.float32(0))
        tirx.buffer_store(result, pixel, [n, c, h, w, v])
    return result


def unpack(sums: Any, out: Any) -> None:
    """Blocked outputs from their sums; the schedule inlines it into whatever follows."""
    from tvm.script.ir_builder import tirx

    with tirx.grid(*extents(*(int(extent) for extent in out.shape))) as (n, o, h, w, v), tirx.sblock(UNPACK):
        n, o, h, w, v = tirx.axis.remap("SSSSS", [n, o, h, w, v])
        tirx.buffer_store(out, sums[n, o, h, w, v], [n, o, h, w, v])

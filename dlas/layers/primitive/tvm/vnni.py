"""VNNI's product of bytes: four unsigned ones times four signed ones, added up for each of 16 lanes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from dlas.tensorir.machine import Machine
from dlas.tensorir.primfunc import instruction, splat

INTRINSIC = "dlas.vnni"
LANES, GROUP = 16, 4  # sums of one instruction, products that each of them adds
_DOT = "llvm.x86.avx512.vpdpbusd.512"


def register() -> str:
    """Make the instruction known to schedules; returns its name."""
    from tvm.s_tir import TensorIntrin

    TensorIntrin.register(INTRINSIC, _function(_meaning), _function(_instruction), override=True)
    return INTRINSIC


def _function(body: Callable[[Any, Any, Any], None]) -> Any:
    """PrimFunc of pixels (4), weights (16 x 4) and sums (16)."""
    from tvm.script.ir_builder import IRBuilder, tirx

    def argument(name: str, shape: tuple[int, ...], dtype: str, scope: str = "global") -> Any:
        return tirx.arg(name, tirx.Buffer(shape, dtype, offset_factor=1, scope=scope))

    with IRBuilder() as builder, tirx.prim_func(s_tir=True):
        tirx.func_name("dot")
        pixels = argument("pixels", (GROUP,), "uint8")
        weights = argument("weights", (LANES, GROUP), "int8")
        sums = argument("sums", (LANES,), "int32", "local")
        with _block(pixels, weights, sums):
            body(pixels, weights, sums)
    return builder.get()


@contextmanager
def _block(pixels: Any, weights: Any, sums: Any) -> Iterator[None]:
    from tvm.script.ir_builder import tirx

    with tirx.sblock("root"):
        tirx.reads(sums[0:LANES], pixels[0:GROUP], weights[0:LANES, 0:GROUP])
        tirx.writes(sums[0:LANES])
        yield


def _meaning(pixels: Any, weights: Any, sums: Any) -> None:
    from tvm.script.ir_builder import tirx

    with tirx.grid(LANES, GROUP) as (lane, place), tirx.sblock("update"):
        v, k = tirx.axis.remap("SR", [lane, place])
        product = pixels[k].astype("int32") * weights[v, k].astype("int32")
        tirx.buffer_store(sums, sums[v] + product, [v])


def _instruction(pixels: Any, weights: Any, sums: Any) -> None:
    from tvm.script.ir_builder import tirx

    pixel = tirx.broadcast(tirx.reinterpret("int32", pixels.vload([0], "uint8x4")), LANES)
    total = _dot(sums.vload([0], "int32x16"), pixel, weights.vload([0, 0], "int8x64"))
    tirx.buffer_store(sums, total, [tirx.ramp(0, 1, LANES)])


def dot(machine: Machine, sums: Any, pixels: Any, weights: Any) -> Any:
    """Sums of each lane (int32) and of the products of its four pixels (in a word, unsigned) and weights (int8).

    Without the instruction the same in whole numbers: slow, it lets every processor test the kernels.
    """
    from tvm.script.ir_builder import tirx

    if machine.vnni:
        return _dot(sums, pixels, weights)
    words = tirx.reinterpret(f"int32x{machine.lanes}", weights)
    everywhere = partial(splat, dtype="int32", lanes=machine.lanes)

    for place in range(GROUP):
        pixel = (pixels >> everywhere(8 * place)) & everywhere(255)
        weight = (words << everywhere(8 * (GROUP - 1 - place))) >> everywhere(8 * (GROUP - 1))  # with its sign
        sums = sums + pixel * weight
    return sums


def _dot(sums: Any, pixels: Any, weights: Any) -> Any:
    from tvm.script.ir_builder import tirx

    return instruction(_DOT, "int32x16", sums, tirx.reinterpret("uint8x64", pixels), weights)

"""The loops on the pages of the dense primitives are those that the compiler prints."""

import ast
from pathlib import Path

import pytest

pytest.importorskip("tvm")

from single import lowered, random

from dlas.layers.codegen.tvm import scheduling
from dlas.layers.primitive.tvm.direct import Direct
from dlas.layers.primitive.tvm.gemm import Gemm
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution

PAGES = Path(__file__).parents[4] / "docs/primitives"
SHOWN = Convolution(random(0, (32, 32, 3, 3)), (1, 32, 14, 14), padding=(1, 1, 1, 1))  # as the pages say


def printed(lowering):
    """The kernel of the convolution with bias and ReLU."""
    module = scheduling.kernels(lowered([SHOWN], lowering).module, machine("avx2"), "default")
    scripts = [function.script() for function in module.functions.values()]
    (kernel,) = (script for script in scripts if '"anchor_init"' in script)
    return kernel


@pytest.mark.parametrize("lowering", [SpatialPack(), Direct(), Gemm()], ids=lambda made: type(made).__name__)
def test_the_loops_are_the_compilers(lowering):
    name = {SpatialPack: "spatial-pack", Direct: "direct", Gemm: "gemm"}[type(lowering)]
    _, text, _ = (PAGES / f"{name}.md").read_text(encoding="utf-8").split("```")
    assert ast.dump(ast.parse(text.removeprefix("text\n"))) == ast.dump(ast.parse(printed(lowering)))

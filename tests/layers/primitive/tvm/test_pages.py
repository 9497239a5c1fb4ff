"""The loops on the primitives' pages are those that the compiler prints."""

import ast
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tvm")

from single import lowered, random

from dlas.layers.codegen.tvm import scheduling
from dlas.layers.primitive.tvm.bsr import Bsr
from dlas.layers.primitive.tvm.csr import CsrDirect
from dlas.layers.primitive.tvm.direct import Direct
from dlas.layers.primitive.tvm.gemm import Gemm
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.layers.primitive.tvm.winograd import Winograd
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution

PAGES = Path(__file__).parents[4] / "docs/primitives"
CHANNELS = 32


def dense():
    return random(0, (CHANNELS, CHANNELS, 3, 3))


def sparse(count, height):
    """So many blocks of that many output channels x 1 are ones."""
    matrix = np.zeros((CHANNELS // height, height, 9 * CHANNELS), "float32")
    matrix[np.arange(count) % len(matrix), :, np.arange(count)] = 1
    return matrix.reshape(CHANNELS, CHANNELS, 3, 3)


# The convolution that a page names: how it is lowered, its weights, its image's side.
SHOWN = {
    "spatial-pack": (SpatialPack(), dense(), 14),
    "direct": (Direct(), dense(), 14),
    "gemm": (Gemm(), dense(), 14),
    "winograd": (Winograd("2"), dense(), 14),
    "csr": (CsrDirect(threshold=0.0), sparse(16, 1), 4),
    "bsr": (Bsr(0.0), sparse(2, 16), 4),
}


def printed(page):
    """The kernel of the page's convolution with bias and ReLU."""
    lowering, weights, side = SHOWN[page]
    operator = Convolution(weights, (1, CHANNELS, side, side), padding=(1, 1, 1, 1))
    module = scheduling.kernels(lowered([operator], lowering).module, machine("avx2"), "default")
    scripts = [function.script() for function in module.functions.values()]
    (kernel,) = (script for script in scripts if 'sblock("anchor' in script)
    return kernel


@pytest.mark.parametrize("page", SHOWN)
def test_the_loops_are_the_compilers(page):
    _, text, _ = (PAGES / f"{page}.md").read_text(encoding="utf-8").split("```")
    assert ast.dump(ast.parse(text.removeprefix("text\n"))) == ast.dump(ast.parse(printed(page)))

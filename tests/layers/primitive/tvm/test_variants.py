"""What a search may try of a kernel: every candidate is another kernel, so that no trial repeats one."""

import ast

import numpy as np
import pytest

pytest.importorskip("tvm")

from single import random, written

from dlas.layers.codegen.tvm import building, scheduling
from dlas.layers.primitive.tvm.csr import CsrDirect, CsrSpatialPack
from dlas.layers.primitive.tvm.direct import Direct
from dlas.layers.primitive.tvm.gemm import Gemm
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.tensorir.choices import Picked
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution

AVX2 = machine("avx2")


def convolution(kernel=3, groups=1):
    weights = random(0, (16, 16 // groups, kernel, kernel))
    return Convolution(weights, (1, 16, 5, 5), padding=(kernel // 2,) * 4, groups=groups)


def lowered(operator, lowering, choices):
    return building.lowered(written([operator]), lowering, AVX2, "float32", choices).module


def candidates(operator, lowering):
    choices = Picked(marked=True)
    lowered(operator, lowering, choices)
    (site,) = choices.sites
    return site.candidates


def kernels(operator, lowering, candidate):
    """The scheduled kernels as text, without what they note of their parameters."""
    module = scheduling.kernels(lowered(operator, lowering, Picked({0: candidate})), AVX2, "default")
    texts = [function.script() for function in module.functions.values() if "anchor" in function.script()]
    return "".join(ast.unparse(_Unmarked().visit(ast.parse(text))) for text in texts)


class _Unmarked(ast.NodeTransformer):
    def visit_Expr(self, statement):
        marks = isinstance(statement.value, ast.Call) and ast.unparse(statement.value.func) == "T.sblock_attr"
        return ast.Pass() if marks else statement


@pytest.mark.parametrize("operator", [convolution(), convolution(1), convolution(groups=16)], ids=["3x3", "1x1", "dw"])
@pytest.mark.parametrize("lowering", [SpatialPack(), Direct(), Gemm()], ids=lambda made: type(made).__name__)
def test_no_candidate_is_another_ones_kernel(lowering, operator):
    offered = candidates(operator, lowering)
    assert len(offered) > 1
    assert len({kernels(operator, lowering, candidate) for candidate in offered}) == len(offered)


@pytest.mark.parametrize("lowering", [CsrDirect(threshold=0), CsrSpatialPack(threshold=0)], ids=lambda made: made.name)
def test_no_candidate_of_a_sparse_kernel_is_another_ones(lowering):
    operator = convolution()
    operator.weights[np.random.default_rng(0).random(operator.weights.shape) < 0.9] = 0
    offered = candidates(operator, lowering)
    assert len({kernels(operator, lowering, candidate) for candidate in offered}) == len(offered)

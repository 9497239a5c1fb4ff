"""Which kernels ask for their weights ahead, and that they compute what they did."""

import numpy as np
import pytest

pytest.importorskip("tvm")
from single import agree, lowered, random

from dlas.layers.codegen.tvm import machinecode, prefetching, scheduling
from dlas.layers.primitive.tvm.csr import CsrDirect
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution, Linear

DENSE = SpatialPack()


def three_by_three(channels, side):
    weights = random(0, (channels, channels, 3, 3))
    return Convolution(weights, (1, channels, side, side), padding=(1, 1, 1, 1))


def asks(operator, isa="avx2", schedule="default", lowering=DENSE):
    """Requests in the machine code of an operator."""
    chosen = machine(isa)
    kernels = scheduling.kernels(lowered([operator], lowering, isa, schedule).module, chosen, schedule)
    return machinecode.assembly(machinecode.compiled(kernels, chosen)).count("prefetcht0")


@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_large_weights_that_few_pixels_share_are_asked_for(isa):
    lines = 3 * 3 * 2 if isa == "avx512" else 3 * 3
    found = asks(three_by_three(128, 4), isa)
    assert found
    assert found % lines == 0


def test_so_are_those_of_a_linear_operator():
    assert asks(Linear(random(0, (512, 256)), 1)) > 0


def test_so_are_values_and_offsets_of_compressed_rows():
    assert asks(three_by_three(128, 4), lowering=CsrDirect(threshold=0)) > 0


@pytest.mark.parametrize(("channels", "side"), [(16, 4), (128, 28)])
def test_small_weights_and_those_that_many_pixels_share_are_not(channels, side):
    assert asks(three_by_three(channels, side)) == 0


def test_loops_as_written_stay_so():
    assert asks(three_by_three(128, 4), schedule="naive") == 0


def test_results_are_torchs():
    operators = [three_by_three(128, 4), three_by_three(96, 7), Linear(random(1, (512, 256)), 1)]
    assert all(np.prod(operator.weights.shape) * 4 >= prefetching.LEAST for operator in operators)
    agree(operators, DENSE, atol=1e-4)  # sums of up to 1,152 products
    agree(operators, CsrDirect(threshold=0), atol=1e-4)

"""The dense primitives in TVM against torch, over a space of shapes that holds odd and tiny ones."""

import re

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("tvm")
pytest.importorskip("torch")

from single import QUICK, SEVERAL, agree, lowered, random

from dlas.layers.codegen.tvm import machinecode, scheduling
from dlas.layers.primitive.tvm import tiles
from dlas.layers.primitive.tvm.direct import Direct
from dlas.layers.primitive.tvm.gemm import Gemm
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution, Linear

PRIMITIVES = (SpatialPack(), Direct(), Gemm())
NAMED = pytest.mark.parametrize("lowering", PRIMITIVES, ids=lambda lowering: type(lowering).__name__)


def drawn(seed, *shape):
    return random(seed, shape)


@NAMED
@settings(QUICK, max_examples=2)
@given(operators=SEVERAL)
def test_convolutions_are_torchs(lowering, operators):
    agree(operators, lowering)


CASES = {
    "first layer": Convolution(drawn(1, 20, 3, 3, 3), (1, 3, 15, 17), (2, 2), (1, 1, 1, 1)),
    "depthwise": Convolution(drawn(1, 20, 1, 3, 3), (2, 20, 13, 11), (2, 1), (0, 1, 2, 1), (1, 1), 20),
    "large depthwise": Convolution(drawn(1, 16, 1, 5, 5), (1, 16, 9, 9), (1, 1), (4, 4, 4, 4), (2, 2), 16),
    "multiplier": Convolution(drawn(1, 18, 1, 3, 3), (1, 6, 7, 7), (1, 1), (1, 1, 1, 1), (1, 1), 6),
    "groups across a vector": Convolution(drawn(1, 15, 4, 3, 3), (1, 12, 7, 5), (1, 1), (1, 1, 1, 1), (1, 1), 3),
    "aligned groups": Convolution(drawn(1, 32, 16, 3, 3), (1, 32, 7, 5), (1, 1), (1, 1, 1, 1), (1, 1), 2),
    "pointwise, prime pixels": Convolution(drawn(1, 24, 40, 1, 1), (1, 40, 13, 13)),
    "one pixel": Convolution(drawn(1, 9, 17, 1, 1), (3, 17, 1, 1)),
    "narrow, rows that no tile divides": Convolution(drawn(1, 8, 8, 3, 3), (1, 8, 7, 2), padding=(1, 1, 1, 1)),
    "deep": Convolution(drawn(1, 16, 300, 3, 3) / np.float32(50), (1, 300, 7, 7), padding=(1, 1, 1, 1)),
    "tall kernel": Convolution(drawn(1, 8, 8, 7, 1), (1, 8, 9, 6), (1, 1), (3, 0, 3, 0)),
}


@pytest.mark.parametrize(
    ("wide", "outer", "tile"),
    [
        (28, 4, "2x3x2"),
        (28, 8, "4x1x3"),
        (14, 8, "2x3x2"),
        (7, 4, "1x4x2"),
        (4, 13, "2x4x1"),
        (2, 2, "2x2x2"),
        (2, 13, "2x2x3"),
    ],
)
def test_a_tile_fills_the_registers_and_is_cut_where_that_costs_least(wide, outer, tile):
    operator = Convolution(drawn(1, 8 * outer, 8, 1, 1), (1, 8, wide, wide))
    assert str(tiles.for_convolution(operator, outer, machine("avx2"))) == tile


@pytest.mark.parametrize(("wide", "outer", "tile"), [(28, 4, "1x10x2"), (14, 4, "1x7x2"), (2, 2, "2x2x2")])
def test_more_registers_hold_wider_tiles(wide, outer, tile):
    operator = Convolution(drawn(1, 16 * outer, 8, 1, 1), (1, 8, wide, wide))
    assert str(tiles.for_convolution(operator, outer, machine("avx512"))) == tile


def test_of_several_images_no_blocks_are_left_over():
    operator = Convolution(drawn(1, 64, 8, 1, 1), (2, 8, 4, 4))
    assert str(tiles.for_convolution(operator, 8, machine("avx2"))) == "1x4x2"


def test_only_deep_reductions_are_cut_into_parts():
    parts = {
        case: tiles.for_convolution(CASES[case], -(-CASES[case].output[1] // 8), machine("avx2")).part for case in CASES
    }
    assert {case for case, part in parts.items() if part} == {"deep"}
    assert parts["deep"] == 60, "34 KiB of weights"


def test_kernels_so_large_that_one_channel_is_too_much_are_not_cut():
    patches = Convolution(drawn(1, 768, 3, 32, 32), (1, 3, 224, 224), (32, 32))
    assert tiles.for_convolution(patches, 96, machine("avx2")).part == 0
    smaller = Convolution(drawn(1, 24, 3, 21, 21) / np.float32(36), (1, 3, 42, 42), (21, 21))
    agree([smaller], SpatialPack())


@NAMED
def test_named_cases_are_torchs(lowering):
    agree(list(CASES.values()), lowering)


def test_linear_operators_are_matrix_products():
    sizes = [(1, 64, 10), (1, 33, 1000), (5, 7, 3), (8, 96, 65)]
    agree([Linear(drawn(1, inputs, outputs), rows) for rows, inputs, outputs in sizes], SpatialPack())


@pytest.mark.parametrize("schedule", ["fixed", "naive"])
@NAMED
def test_the_starting_points_are_right_too(lowering, schedule):
    agree([CASES["first layer"]], lowering, schedule=schedule)


@pytest.mark.parametrize(("isa", "register"), [("avx2", "ymm"), ("avx512", "zmm"), ("amx", "zmm")])
def test_machine_code_is_held_to_the_instruction_set_and_uses_its_vectors(isa, register):
    module = lowered([CASES["pointwise, prime pixels"]], SpatialPack(), isa).module
    executable = machinecode.compiled(scheduling.kernels(module, machine(isa), "default"), machine(isa))
    assembly = machinecode.assembly(executable)
    assert f"%{register}0" in assembly
    assert ("%zmm" in assembly) == (register == "zmm")


def test_no_kernel_takes_much_of_the_stack():
    weights = random(0, (128, 128, 3, 3))
    deep = Convolution(weights, (1, 128, 56, 56), padding=(1, 1, 1, 1))  # a tile's sums of all pixels wait in memory
    kernels = scheduling.kernels(lowered([deep], SpatialPack(), "avx512").module, machine("avx512"), "default")
    assembly = machinecode.assembly(machinecode.compiled(kernels, machine("avx512")))
    frames = [int(size) for size in re.findall(r"subq\t\$(\d+), %rsp", assembly)]
    assert 0 < max(frames) <= 2 * machinecode.STACK

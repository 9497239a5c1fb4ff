"""Convolutions by tiles: in memory on every processor, and which instructions they become for one with AMX."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("tvm")
from integers import check, compiled, integers

from dlas import host
from dlas.layers.codegen.tvm import machinecode
from dlas.layers.primitive.tvm import amx, integer_tiles, integer_tiles_plan
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution


class Tiled(SpatialPack):
    """Tiles for every convolution, whether or not they pay."""

    def integer_convolution(self, emitter, operator, image, zero):
        return integer_tiles.convolution(emitter, operator, image, zero, "tiled")


def convolution(inputs, outputs, image, kernel=3, stride=1, **how):
    padding = (kernel // 2,) * 4
    return Convolution(
        integers(outputs, inputs, kernel, kernel), (1, inputs, *image), (stride, stride), **{"padding": padding, **how}
    )


# Blocks of one vector to four, of inputs and of outputs; one register of pixels and several; borders on every side.
SHAPES = [
    convolution(64, 64, (9, 9)),
    convolution(96, 48, (5, 7)),
    convolution(16, 16, (12, 12)),
    convolution(20, 33, (7, 7), kernel=1),
    convolution(128, 80, (4, 4), kernel=1),
    convolution(64, 128, (8, 8), stride=2),
    convolution(48, 160, (6, 40), kernel=1),
    convolution(32, 64, (6, 5), dilation=(2, 2), padding=(3, 0, 1, 2)),
]


@pytest.mark.parametrize("schedule", ["default", "naive"])
@pytest.mark.parametrize("operator", SHAPES)
def test_tiles_in_memory_are_exact(operator, schedule):
    check(operator, "avx2", schedule, Tiled())


@settings(max_examples=15, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    inputs=st.integers(1, 70),
    outputs=st.integers(1, 70),
    image=st.tuples(st.integers(3, 9), st.integers(3, 20)),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
)
def test_drawn_convolutions_are_exact(inputs, outputs, image, kernel, stride):
    check(convolution(inputs, outputs, image, kernel, stride), "avx2", lowering=Tiled())


def test_tiles_of_a_processor_that_has_them_are_exact():
    if "amx" not in host.probe().isas:
        pytest.skip("this processor has no amx")
    for operator in SHAPES:
        check(operator, "amx", lowering=Tiled())


def test_for_amx_products_are_of_tiles_whose_sizes_are_told_before():
    assembly = machinecode.assembly(compiled(convolution(64, 64, (9, 9)), "amx"))
    assert machinecode.isa_of(assembly) == "amx"
    kernel = assembly[assembly.index("ldtilecfg") :]
    assert (
        kernel.index("tileloadd") < kernel.index("tdpbusd") < kernel.index("tilestored") < kernel.index("tilerelease")
    )


DEPTHWISE = Convolution(integers(64, 1, 3, 3), (1, 64, 9, 9), groups=64)


@pytest.mark.parametrize("operator", [convolution(32, 64, (9, 9)), DEPTHWISE], ids=["few channels", "depthwise"])
def test_where_tiles_do_not_pay_it_is_vnni(operator):
    assert machinecode.isa_of(machinecode.assembly(compiled(operator, "amx"))) == "avx512-vnni"


@pytest.mark.parametrize("operator", SHAPES)
def test_registers_are_no_more_and_no_larger_than_there_are(operator):
    plan = integer_tiles_plan.Plan(operator, machine("amx"), 0)
    assert len(plan.sizes) <= amx.REGISTERS
    assert all(rows <= amx.ROWS and width <= amx.BYTES for rows, width in plan.sizes)
    told = amx.configuration(plan.sizes)
    assert told.dtype == np.uint8
    assert told[0] == 1
    assert [(told[48 + i], told[16 + 2 * i]) for i in range(len(plan.sizes))] == list(plan.sizes)

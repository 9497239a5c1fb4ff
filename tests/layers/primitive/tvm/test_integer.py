"""Integer kernels: drawn convolutions against whole numbers, whether or not there is an instruction for them."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("tvm")

from integers import check, compiled, integers, quantised

from dlas.errors import Inapplicable
from dlas.layers.codegen.tvm import machinecode
from dlas.layers.codegen.tvm.walk import walk
from dlas.layers.primitive.tvm.direct import Direct
from dlas.tensorir.emitter import Emitter
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution, Linear

HOW = [(isa, schedule) for isa in ("avx2", "avx512-vnni") for schedule in ("default", "naive", "fixed")]


@st.composite
def convolutions(draw):
    depthwise, groups = draw(st.booleans()), draw(st.integers(1, 2))
    channels = groups * draw(st.integers(1, 19))
    outputs = channels if depthwise else groups * draw(st.integers(1, 37))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 3)))
    image = draw(st.integers(1, 2)), channels, draw(st.integers(5, 9)), draw(st.integers(5, 9))
    weights = np.random.default_rng(draw(st.integers(0, 9))).integers(
        -128, 128, (outputs, 1 if depthwise else channels // groups, *kernel)
    )
    return Convolution(
        weights.astype(np.float32),
        image,
        draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        draw(st.tuples(*[st.integers(0, 2)] * 4)),
        draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        channels if depthwise else groups,
    )


# Whatever this processor has: what is compiled here may run elsewhere.
@pytest.mark.parametrize(
    "operator",
    [
        Convolution(integers(20, 5, 3, 3), (1, 5, 7, 7), padding=(1, 1, 1, 1)),
        Convolution(integers(32, 16, 3, 3), (1, 32, 6, 6), padding=(1, 1, 1, 1), groups=2),
        Linear(integers(7, 33), 3),
    ],
    ids=["convolution", "groups", "linear"],
)
@pytest.mark.parametrize("isa", ["avx512-vnni", "amx"])
def test_four_products_are_one_instruction(isa, operator):
    assembly = machinecode.assembly(compiled(operator, isa))
    assert "vpdpbusd\t" in assembly
    assert machinecode.isa_of(assembly) == "avx512-vnni"


@pytest.mark.parametrize(("isa", "schedule"), HOW)
@pytest.mark.parametrize("channels", [1, 3, 4, 19])
def test_plain_images_whose_pixels_fill_vectors_are_exact(isa, schedule, channels):
    check(Convolution(integers(9, channels, 3, 3), (2, channels, 8, 12), padding=(1, 1, 1, 1)), isa, schedule)


@pytest.mark.parametrize(("isa", "schedule"), HOW)
def test_depthwise_windows_of_several_words_and_bands_are_exact(isa, schedule):
    operator = Convolution(integers(20, 1, 9, 3), (2, 20, 31, 100), padding=(4, 2, 8, 1), groups=20)
    check(operator, isa, schedule)


def test_a_large_window_is_not_written_out_for_many_pixels():
    check(Convolution(integers(4, 1, 31, 31), (1, 4, 32, 60), padding=(15, 15, 15, 15), groups=4), "avx2", "default")


@pytest.mark.parametrize(("weights", "groups"), [((33, 16, 3, 3), 1), ((16, 1, 3, 3), 16)])
def test_accumulators_are_on_the_stack(weights, groups):
    operator = Convolution(integers(*weights), (1, 16, 40, 40), groups=groups)
    assert "AllocWorkspace@" not in machinecode.assembly(compiled(operator, "avx512-vnni"))


def test_below_vnni_there_is_no_such_instruction():
    assert machinecode.isa_of(machinecode.assembly(compiled(Linear(integers(7, 33), 3), "avx512"))) == "avx512"


@pytest.mark.parametrize(("isa", "schedule"), HOW)
@settings(max_examples=15, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(operator=convolutions())
def test_convolutions_are_exact(isa, schedule, operator):
    if operator.output[2] > 0 and operator.output[3] > 0:
        check(operator, isa, schedule)


@pytest.mark.parametrize(("isa", "schedule"), HOW)
@pytest.mark.parametrize(("rows_", "inputs", "outputs"), [(1, 64, 10), (3, 7, 33), (1, 1, 1)])
def test_linear_operators_are_exact(isa, schedule, rows_, inputs, outputs):
    check(Linear(integers(inputs, outputs), rows_), isa, schedule)


@pytest.mark.parametrize(("groups", "per_group"), [(8, 8), (16, 4), (4, 12), (6, 6), (2, 5)])
def test_many_groups_are_exact(groups, per_group):
    weights = np.random.default_rng(5).integers(-128, 128, (groups * per_group, per_group, 3, 3)).astype(np.float32)
    operator = Convolution(weights, (1, groups * per_group, 6, 6), padding=(1, 1, 1, 1), groups=groups)
    check(operator, "avx2", "default")
    check(operator, "avx512-vnni", "default")


def test_a_primitive_without_integer_kernels_says_so():
    from tvm import relax

    operator = Convolution(np.ones((4, 4, 1, 1), np.float32), (1, 4, 5, 5))
    emitter = Emitter(relax.BlockBuilder(), machine("avx2"), "default")
    with pytest.raises(Inapplicable, match="no integer kernels; use spatial-pack"):
        walk(quantised(operator, operator.image), emitter, Direct())

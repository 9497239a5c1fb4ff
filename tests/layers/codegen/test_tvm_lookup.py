"""Bytes are looked up as a table says, by vectors where there is an instruction for it."""

import numpy as np
import pytest

pytest.importorskip("tvm")

from dlas import host
from dlas.layers.codegen.tvm import lookup, machinecode, scheduling
from dlas.tensorir.emitter import Emitter, Value
from dlas.tensorir.machine import machine

SHAPE = (2, 3, 5, 8, 16)  # in memory
TABLE = np.random.default_rng(0).integers(0, 256, 256).astype(np.uint8)


def executable(isa):
    from tvm import relax

    emitter = Emitter(relax.BlockBuilder(), machine(isa), "default")
    image = relax.Var("image", relax.TensorType(SHAPE, "uint8"))
    value = Value(image, (2, 40, 5, 8), 16)
    assert lookup.possible(emitter, value)
    with emitter.builder.function("main", [image]):
        with emitter.builder.dataflow():
            found = emitter.builder.emit_output(lookup.looked_up(emitter, value, TABLE))
        emitter.builder.emit_func_output(found)
    return machinecode.compiled(scheduling.kernels(emitter.builder.get(), machine(isa), "default"), machine(isa))


def test_every_byte_finds_its_entry():
    import tvm
    from tvm.runtime.vm import VirtualMachine

    if "avx512-vnni" not in host.probe().isas:
        pytest.skip("this processor has no avx512-vnni")
    numbers = np.resize(np.arange(256), SHAPE).astype(np.uint8)
    found = VirtualMachine(executable("avx512-vnni"), tvm.cpu())["main"](tvm.runtime.tensor(numbers)).numpy()
    np.testing.assert_array_equal(found, TABLE[numbers])


def test_it_is_done_by_vectors_whatever_this_processor_has():
    assert "vpshufb" in machinecode.assembly(executable("avx512-vnni"))


@pytest.mark.parametrize(("isa", "shape"), [("avx2", (1, 16, 4, 4)), ("avx512-vnni", (1, 16, 3, 3))])
def test_elsewhere_and_for_odd_numbers_of_bytes_it_is_not(isa, shape):
    from tvm import relax

    emitter = Emitter(relax.BlockBuilder(), machine(isa), "default")
    assert not lookup.possible(emitter, Value(relax.Var("image", relax.TensorType(shape, "uint8")), shape))

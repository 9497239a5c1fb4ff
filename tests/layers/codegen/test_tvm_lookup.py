"""Bytes are looked up as a table says, by vectors where there is an instruction for it."""

import numpy as np
import pytest

pytest.importorskip("tvm")

from dlas import host
from dlas.layers.codegen.tvm import lookup, machinecode, scheduling
from dlas.tensorir import layout
from dlas.tensorir.emitter import Emitter, Value
from dlas.tensorir.machine import machine

# Shapes and blocks: of the last ones not every vector is full, or not every byte is in one.
SHAPES = [((2, 40, 5, 8), 16), ((1, 3, 8, 8), 1), ((2, 64), 1), ((1, 16, 3, 3), 16), ((1, 5), 1)]
BYTES = np.random.default_rng(0).integers(0, 256, 256).astype(np.uint8)
FLOATS = np.random.default_rng(1).normal(size=256).astype(np.float32)


def executable(isa, shape, block, table=BYTES, schedule="default"):
    from tvm import relax

    emitter = Emitter(relax.BlockBuilder(), machine(isa), schedule)
    image = relax.Var("image", relax.TensorType(layout.stored(shape, block), "uint8"))
    with emitter.builder.function("main", [image]):
        with emitter.builder.dataflow():
            found = emitter.builder.emit_output(lookup.entries(emitter, Value(image, shape, block), table).var)
        emitter.builder.emit_func_output(found)
    return machinecode.compiled(scheduling.kernels(emitter.builder.get(), machine(isa), schedule), machine(isa))


@pytest.mark.parametrize("schedule", ["default", "naive"])
@pytest.mark.parametrize("table", [BYTES, FLOATS], ids=["bytes", "floats"])
@pytest.mark.parametrize(("shape", "block"), SHAPES)
@pytest.mark.parametrize("isa", ["avx2", "avx512-vnni"])
def test_every_byte_finds_its_entry(isa, shape, block, table, schedule):
    import tvm
    from tvm.runtime.vm import VirtualMachine

    if isa not in host.probe().isas:
        pytest.skip(f"this processor has no {isa}")
    numbers = np.resize(np.arange(256), layout.stored(shape, block)).astype(np.uint8)
    call = VirtualMachine(executable(isa, shape, block, table, schedule), tvm.cpu())["main"]
    np.testing.assert_array_equal(call(tvm.runtime.tensor(numbers)).numpy(), table[numbers])


@pytest.mark.parametrize(("number", "by_vectors"), list(enumerate([True, True, True, False, False])))
def test_whole_vectors_are_looked_up_at_once_whatever_this_processor_has(number, by_vectors):
    assert ("vpshufb" in machinecode.assembly(executable("avx512-vnni", *SHAPES[number]))) == by_vectors

"""A quantised operator as a file has it: compiled to integer kernels, and the same in whole numbers."""

import numpy as np
import pytest

from dlas import host
from dlas.layers.codegen.tvm import machinecode, scheduling
from dlas.layers.codegen.tvm.walk import walk
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.tensorir.emitter import Emitter
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Linear

SCALE, ZERO, OUT, OUT_ZERO = np.float32(0.02), 7, np.float32(0.11), 3
OWN = SpatialPack()


def quantised(operator, shape):
    """quantize, dequantize, operator of dequantised weights, bias, quantize, dequantize: as a file has it."""
    from tvm import relax

    builder, outputs = relax.BlockBuilder(), rows(operator).shape[0]
    image = relax.Var("image", relax.TensorType(shape, "float32"))

    def pair(value, scale, zero):
        parameters = relax.const(scale), relax.const(np.uint8(zero))
        stored = builder.emit(relax.op.quantize(value, *parameters, out_dtype="uint8", axis=1))
        return builder.emit(relax.op.dequantize(stored, *parameters, axis=1))

    def constant(numbers, scale):
        zeros = relax.const(np.zeros(outputs, numbers.dtype))
        return builder.emit(relax.op.dequantize(relax.const(numbers), relax.const(scale), zeros, axis=0))

    with builder.function("main", [image]):
        with builder.dataflow():
            weights = constant(rows(operator).astype(np.int8), scales(outputs))
            bias = constant(biases(outputs), scales(outputs) * SCALE)
            pixels = pair(image, SCALE, ZERO)
            if isinstance(operator, Linear):
                sums = builder.emit(relax.op.matmul(pixels, builder.emit(relax.op.permute_dims(weights, [1, 0]))))
            else:
                sums = builder.emit(
                    relax.op.nn.conv2d(
                        pixels, weights, operator.strides, operator.padding, operator.dilation, operator.groups
                    )
                )
                bias = builder.emit(relax.op.reshape(bias, (1, outputs, 1, 1)))
            output = builder.emit_output(pair(builder.emit(relax.op.add(sums, bias)), OUT, OUT_ZERO))
        builder.emit_func_output(output)
    return builder.get()


def rows(operator):
    return operator.weights.T if isinstance(operator, Linear) else operator.weights


def scales(outputs):
    return np.random.default_rng(1).uniform(0.0005, 0.004, outputs).astype(np.float32)


def biases(outputs):
    return np.random.default_rng(2).integers(-5000, 5000, outputs).astype(np.int32)


def wanted(operator, image):
    """The same in whole numbers."""
    torch = pytest.importorskip("torch")
    bytes_ = np.clip(np.rint(np.clip(image / SCALE, -ZERO, 255 - ZERO)) + ZERO, 0, 255)
    values, weights = (
        torch.tensor(bytes_ - ZERO, dtype=torch.float64),
        torch.tensor(rows(operator), dtype=torch.float64),
    )
    if isinstance(operator, Linear):
        sums, channel = values @ weights.T, (1, -1)
    else:
        top, left, bottom, right = operator.padding
        padded = torch.nn.functional.pad(values, (left, right, top, bottom))
        how = operator.strides, 0, operator.dilation, operator.groups
        sums, channel = torch.nn.functional.conv2d(padded, weights, None, *how), (1, -1, 1, 1)
    totals = (sums.numpy() + biases(len(weights)).reshape(channel)).astype(np.float32)
    product = totals * (SCALE * scales(len(weights)) / OUT).reshape(channel)
    return (np.rint(np.clip(product, -OUT_ZERO, 255 - OUT_ZERO))).astype(np.float32) * OUT


def shape_of(operator):
    return (operator.rows, len(operator.weights)) if isinstance(operator, Linear) else operator.image


def compiled(operator, isa, schedule="default", lowering=OWN):
    """The operator as an executable."""
    from tvm import relax

    emitter = Emitter(relax.BlockBuilder(), machine(isa), schedule)
    walked = walk(quantised(operator, shape_of(operator)), emitter, lowering)
    assert [found.precision for found in walked.lowered] == ["int8"]
    return machinecode.compiled(scheduling.kernels(walked.module, machine(isa), schedule), machine(isa))


def check(operator, isa, schedule="default", lowering=OWN):
    """Compare with whole numbers on an image."""
    import tvm
    from tvm.runtime.vm import VirtualMachine

    if isa not in host.probe().isas:
        pytest.skip(f"this processor has no {isa}")
    call = VirtualMachine(compiled(operator, isa, schedule, lowering), tvm.cpu())["main"]
    image = np.random.default_rng(3).normal(1.0, 1.5, shape_of(operator)).astype(np.float32)
    np.testing.assert_array_equal(call(tvm.runtime.tensor(image)).numpy(), wanted(operator, image))


def integers(*shape):
    return np.random.default_rng(4).integers(-128, 128, shape).astype(np.float32)

"""One convolution or linear operator as a network of its own, lowered by a primitive, compiled and run."""

import numpy as np

from dlas.layers.codegen.tvm import building, scheduling
from dlas.layers.codegen.tvm.walk import FUNCTION
from dlas.tensorir.emitter import Emitter, Value
from dlas.tensorir.layout import PLAIN
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution


def run(lowering, operator, inputs, isa="avx2", schedule="default", activation=False):
    """What the operator gives for plain inputs, by the primitive's kernels; `activation` fuses a ReLU behind it."""
    import tvm
    from tvm.runtime.vm import VirtualMachine

    executable = building.compiled(module(lowering, operator, inputs.shape, isa, schedule, activation), machine(isa))
    call = VirtualMachine(executable, tvm.cpu())[FUNCTION]
    return call(tvm.runtime.tensor(np.ascontiguousarray(inputs))).numpy()


def module(lowering, operator, shape, isa="avx2", schedule="default", activation=False):
    """The scheduled module of an operator."""
    from tvm import relax

    builder = relax.BlockBuilder()
    emitter = Emitter(builder, machine(isa), schedule)
    images = relax.Var("images", relax.TensorType(shape, "float32"))
    with builder.function(FUNCTION, [images]):
        with builder.dataflow():
            verb = lowering.convolution if isinstance(operator, Convolution) else lowering.linear
            value = verb(emitter, operator, Value(images, shape)).value
            if activation:
                value = Value(builder.emit(relax.op.nn.relu(value.var)), value.shape, value.block)
            output = builder.emit_output(emitter.reblocked(value, PLAIN).var)
        builder.emit_func_output(output)
    fused = scheduling.fused(builder.get())
    return fused if schedule == "naive" else scheduling.scheduled(fused, emitter.machine)


def expected(operator, inputs):
    """What torch gives."""
    import torch

    if not isinstance(operator, Convolution):
        return inputs @ operator.weights
    top, left, bottom, right = operator.padding
    padded = torch.nn.functional.pad(torch.from_numpy(inputs), (left, right, top, bottom))
    weights = torch.from_numpy(operator.weights)
    settings = (operator.strides, 0, operator.dilation, operator.groups)
    return torch.nn.functional.conv2d(padded, weights, None, *settings).numpy()


def relative_error(found, wanted):
    """Largest difference over the largest value."""
    assert found.shape == wanted.shape
    return np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-6)

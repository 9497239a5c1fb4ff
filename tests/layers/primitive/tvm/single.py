"""Operators with bias and activation behind them: lowered by a primitive, compiled together, run."""

import numpy as np
from hypothesis import Phase, settings
from hypothesis import strategies as st

from dlas.layers.codegen.tvm import machinecode, scheduling
from dlas.layers.codegen.tvm.walk import walk
from dlas.tensorir.emitter import Emitter
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution, Linear


def run(operator, lowering, image, **how):
    """Output of relu(operator(image) + bias), and what the operator became."""
    (output,), walked = run_all([operator], lowering, [image], **how)
    return output, walked


def run_all(operators, lowering, images, isa="avx2", schedule="default", storage="float32"):
    """The outputs of several operators, which is quicker than one by one, and what they became."""
    import tvm
    from tvm.runtime.vm import VirtualMachine

    walked = lowered(operators, lowering, isa, schedule, storage)
    kernels = scheduling.kernels(walked.module, machine(isa), schedule)
    call = VirtualMachine(machinecode.compiled(kernels, machine(isa)), tvm.cpu())["main"]
    outputs = call(*(tvm.runtime.tensor(np.ascontiguousarray(image)) for image in images))
    return [outputs[number].numpy() for number in range(len(operators))], walked


def lowered(operators, lowering, isa="avx2", schedule="default", storage="float32"):
    """What the code generator makes of the operators, not scheduled yet."""
    from tvm import relax

    return walk(written(operators), Emitter(relax.BlockBuilder(), machine(isa), schedule, storage), lowering)


def written(operators):
    """The operators with bias and activation as a module that nothing has lowered: a function of all their inputs."""
    from tvm import relax

    builder = relax.BlockBuilder()
    images = [relax.Var(f"image{n}", relax.TensorType(shape(o), "float32")) for n, o in enumerate(operators)]
    with builder.function("main", images):
        with builder.dataflow():
            found = [_activated(builder, operator, image) for operator, image in zip(operators, images, strict=True)]
            outputs = builder.emit_output(relax.Tuple(found))
        builder.emit_func_output(outputs)
    return builder.get()


def shape(operator):
    """Of the operator's input."""
    return operator.image if isinstance(operator, Convolution) else (operator.rows, len(operator.weights))


def _activated(builder, operator, image):
    from tvm import relax

    sums = builder.emit(_call(operator, image))
    moved = builder.emit(relax.op.add(sums, relax.const(bias(operator))))
    return builder.emit(relax.op.nn.relu(moved))


def _call(operator, image):
    from tvm import relax

    if isinstance(operator, Linear):
        return relax.op.matmul(image, relax.const(operator.weights))
    return relax.op.nn.conv2d(
        image,
        relax.const(operator.weights),
        strides=operator.strides,
        padding=operator.padding,
        dilation=operator.dilation,
        groups=operator.groups,
    )


def bias(operator):
    if isinstance(operator, Linear):
        return np.linspace(-0.5, 0.5, operator.weights.shape[1], dtype="float32")
    return np.linspace(-0.5, 0.5, len(operator.weights), dtype="float32").reshape(1, -1, 1, 1)


def expected(operator, image):
    """The same by torch."""
    import torch
    from torch.nn import functional

    if isinstance(operator, Linear):
        return np.maximum(image @ operator.weights + bias(operator), 0)
    top, left, bottom, right = operator.padding
    sums = functional.conv2d(
        functional.pad(torch.from_numpy(image), (left, right, top, bottom)),
        torch.from_numpy(operator.weights),
        stride=operator.strides,
        dilation=operator.dilation,
        groups=operator.groups,
    )
    return np.maximum(sums.numpy() + bias(operator), 0)


@st.composite
def convolutions(draw, depthwise=False):
    """Convolutions of every shape, tiny and odd ones included; weights are dense."""
    few = st.integers(1, 3)
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    strides, dilation = (draw(few), draw(few)), (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    padding = tuple(draw(st.integers(0, 2)) for _ in range(4))
    high, wide = (
        max(1, d * (k - 1) + 1 - before - after) + draw(st.integers(0, 13))
        for d, k, before, after in zip(dilation, kernel, padding[:2], padding[2:], strict=True)
    )
    groups = draw(st.sampled_from([1, 1, 2, 3, 5]))
    inputs = groups * (1 if depthwise else draw(st.integers(1, 9)))
    outputs = groups * (1 if depthwise else draw(st.integers(1, 9)))
    weights = random(draw(st.integers(0, 99)), (outputs, inputs // groups, *kernel))
    return Convolution(weights, (draw(few), inputs, high, wide), strides, padding, dilation, groups)


# Shrinking would compile for minutes; what fails is small as it is.
QUICK = settings(derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate])
SEVERAL = st.lists(convolutions(), min_size=6, max_size=6)  # as many as are compiled together


def random(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def agree(operators, lowering, atol=1e-5, **how):
    """Check the operators against torch on random images; returns what each became."""
    images = [random(1, shape(operator)) for operator in operators]
    found, walked = run_all(operators, lowering, images, **how)
    for operator, image, output in zip(operators, images, found, strict=True):
        np.testing.assert_allclose(output, expected(operator, image), rtol=1e-4, atol=atol, err_msg=str(vars(operator)))
    return walked.lowered

"""One operator, with bias, residual addition and activation behind it, compiled for this processor."""

import numpy as np
from hypothesis import strategies as st

from dlas.layers.codegen.tvm import building, scheduling
from dlas.layers.codegen.tvm.walk import walk
from dlas.tensorir.emitter import Emitter
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution, Linear


def run(operator, lowering, image, isa="avx2", storage="float32"):
    """Output of relu(operator(image) + bias + image's own sum) and what the operator became."""
    import tvm
    from tvm import relax

    walked = _walked(operator, image.shape, lowering, isa, storage)
    module = scheduling.scheduled(scheduling.fused(walked.module), machine(isa))
    executable = relax.VirtualMachine(building.compiled(module, machine(isa)), tvm.cpu())
    return executable["main"](tvm.runtime.tensor(image)).numpy(), walked


def _walked(operator, shape, lowering, isa, storage):
    from tvm import relax

    return walk(written(operator, shape), Emitter(relax.BlockBuilder(), machine(isa), "default", storage), lowering)


def written(operator, shape):
    """The operator with bias and activation as a module that nothing has lowered."""
    from tvm import relax

    builder = relax.BlockBuilder()
    image = relax.Var("image", relax.TensorType(shape, "float32"))
    with builder.function("main", [image]):
        with builder.dataflow():
            sums = builder.emit(_call(operator, image))
            moved = builder.emit(relax.op.add(sums, relax.const(bias(operator))))
            logits = builder.emit_output(builder.emit(relax.op.nn.relu(moved)))
        builder.emit_func_output(logits)
    return builder.get()


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
    kernel = draw(few), draw(few)
    strides, dilation = (draw(few), draw(few)), (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    padding = tuple(draw(st.integers(0, 2)) for _ in range(4))
    high, wide = (
        max(1, d * (k - 1) + 1 - before - after) + draw(st.integers(0, 17))
        for d, k, before, after in zip(dilation, kernel, padding[:2], padding[2:], strict=True)
    )
    groups = draw(few)
    inputs = groups * (1 if depthwise else draw(st.integers(1, 9)))
    outputs = groups * (1 if depthwise else draw(st.integers(1, 9)))
    weights = random(draw(st.integers(0, 99)), (outputs, inputs // groups, *kernel))
    return Convolution(weights, (draw(few), inputs, high, wide), strides, padding, dilation, groups)


def random(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")

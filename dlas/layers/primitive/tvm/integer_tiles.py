"""Integer convolutions by AMX: pixels x four input channels times these x output channels, a register of each."""

import numpy as np
from numpy.typing import NDArray

from dlas.layers.primitive.tvm import amx
from dlas.layers.primitive.tvm.amx import LANES
from dlas.layers.primitive.tvm.integer_tiles_kernel import kernel
from dlas.layers.primitive.tvm.integer_tiles_plan import Plan
from dlas.layers.primitive.tvm.vnni import GROUP
from dlas.tensorir.emitter import Emitter, Lowered, Value
from dlas.tensorir.layout import stored
from dlas.tensorir.machine import Machine
from dlas.tensorir.operators import Convolution

_LEAST = 64  # input channels from which a prototype's tiles beat VNNI's kernels; not measured with these


def fits(machine: Machine, operator: Convolution) -> bool:
    """Whether tiles pay."""
    return machine.amx and operator.groups == 1 and operator.image[1] >= _LEAST


def convolution(emitter: Emitter, operator: Convolution, image: Value, zero: int, name: str) -> Lowered:
    """Sums in blocks of up to four vectors, which is how the next such convolution reads them."""
    plan = Plan(operator, emitter.machine, zero)
    inputs = [
        emitter.reblocked(image, plan.block).var,
        weights(plan),
        amx.configuration(plan.sizes),
    ]
    var = emitter.kernel("integer_tiles", kernel(plan), inputs, stored(operator.output, plan.width), "int32")
    return Lowered(Value(var, operator.output, plan.width), name, f"{plan} int8 amx", precision="int8")


def weights(plan: Plan) -> NDArray[np.int8]:
    """As the kernel reads them; see `Plan.stored`."""
    numbers = plan.operator.weights
    outputs, channels = -len(numbers) % plan.width, -numbers.shape[1] % plan.block
    filled = np.pad(numbers, [(0, outputs), (0, channels), (0, 0), (0, 0)]).astype(np.int8)
    split = filled.reshape(
        -1, plan.vectors, LANES, filled.shape[1] // plan.block, plan.block // GROUP, GROUP, *plan.operator.kernel
    )
    return np.ascontiguousarray(split.transpose(0, 3, 6, 7, 1, 4, 2, 5)).reshape(plan.stored)

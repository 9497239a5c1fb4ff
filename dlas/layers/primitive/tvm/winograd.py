"""Winograd on blocked channels, as spatial-pack leaves them; spatial-pack where it does not pay."""

from dataclasses import dataclass

from dlas.layers.primitive.tvm import winograd_kernel
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.layers.primitive.tvm.winograd_kernel import Plan
from dlas.layers.primitive.tvm.winograd_transforms import transformed
from dlas.tensorir.emitter import Emitter, Lowered, Value
from dlas.tensorir.operators import Convolution, Linear

NAME = "winograd"
_DENSE = SpatialPack()
_LEAST_CHANNELS = 32  # fewer do not repay the transforms
_LEAST_GAIN = 1.25  # what the transforms may cost
_WEIGHT = 8  # multiply-adds that take as long as to read one weight from the third cache


@dataclass(frozen=True)
class Winograd:
    """Every activation between operators is N, C/lanes, H, W, lanes."""

    tile: str

    def convolution(self, emitter: Emitter, operator: Convolution, image: Value) -> Lowered:
        """F(m x m, 3 x 3) for 3x3 convolutions of stride 1 with enough channels."""
        if not pays(operator, self.tile):
            return _DENSE.convolution(emitter, operator, image)
        plan = Plan(operator, side(operator, self.tile), emitter.machine)
        lanes = emitter.machine.lanes
        weights = transformed(operator.weights, plan.m, plan.vectors * lanes)
        function = winograd_kernel.winograd(plan, weights.shape, emitter.storage)
        inputs = [emitter.reblocked(image, lanes).var, weights]
        batch, channels, high, wide = operator.output
        outer = -(-channels // lanes)
        var = emitter.kernel("winograd", function, inputs, (batch, outer, high, wide, lanes))
        return Lowered(Value(var, operator.output, lanes), NAME, f"F({plan.m}x{plan.m},3x3)")

    def linear(self, emitter: Emitter, operator: Linear, rows: Value) -> Lowered:
        """There is nothing to transform."""
        return _DENSE.linear(emitter, operator, rows)


def side(operator: Convolution, tile: str) -> int:
    """m of F(m x m, 3 x 3): the one asked for, or the one that costs less."""
    return int(tile) if tile != "auto" else min((4, 2), key=lambda m: _cost(operator, m))


def pays(operator: Convolution, tile: str) -> bool:
    """Whether the transform exists for this convolution and is worth its cost."""
    fits = operator.kernel == (3, 3) and operator.strides == (1, 1) and operator.dilation == (1, 1)
    if not fits or operator.groups > 1 or min(operator.output[1], operator.image[1]) < _LEAST_CHANNELS:
        return False
    return _LEAST_GAIN * _cost(operator, side(operator, tile)) <= _cost(operator, 1)


def _cost(operator: Convolution, m: int) -> int:
    """Multiply-adds for each pair of channels, and what it costs to read the weights; m = 1 is no transform."""
    _, _, high, wide = operator.output
    return (m + 2) ** 2 * (-(-high // m) * -(-wide // m) + _WEIGHT)

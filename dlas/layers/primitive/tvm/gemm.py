"""im2col and a matrix product on channels-last activations: rows are pixels, columns output channels."""

from dataclasses import dataclass

from dlas.layers.primitive.tvm import expressions, linear, packing, tiles
from dlas.layers.primitive.tvm.direct import SCHEDULES, channels_last, last
from dlas.tensorir.emitter import Emitter, Lowered, Value
from dlas.tensorir.operators import Convolution, Linear

NAME = "gemm"


@dataclass(frozen=True)
class Gemm:
    """Patches of a panel of pixels are gathered, then multiplied; a 1x1 convolution multiplies the image itself."""

    def convolution(self, emitter: Emitter, operator: Convolution, image: Value) -> Lowered:
        """One matrix product; within groups, over their own channels."""
        lanes = emitter.machine.lanes
        out = channels_last(operator.output[1], lanes)
        if operator.depthwise:
            image = emitter.reblocked(image, out)
            weights = packing.depthwise(operator, out).transpose(1, 2, 0, 3)
        else:
            image = last(emitter, image)
            weights = packing.hwio(operator, lanes)
        tile = tiles.chosen(emitter, operator, out // lanes, tiles.product(operator))
        copies = 0 if operator.pointwise else 1
        attrs = {"schedule": f"{SCHEDULES}.gemm", "lanes": lanes, "copies": copies, **tile.attrs}
        expression = expressions.product_of_patches(operator, image.block, out, lanes, attrs)
        var = emitter.compute("gemm", expression, image.var, weights)
        return Lowered(Value(var, operator.output, out), NAME, str(tile))

    def linear(self, emitter: Emitter, operator: Linear, rows: Value) -> Lowered:
        """A product as it is."""
        return linear.lower(emitter, operator, rows, NAME)

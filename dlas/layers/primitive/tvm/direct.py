"""Direct convolution on channels-last activations: a register tile of columns x channels, no packing."""

from dataclasses import dataclass
from typing import Any

from dlas.layers.primitive.tvm import expressions, linear, packing, tiles
from dlas.tensorir.emitter import Emitter, Lowered, Value
from dlas.tensorir.layout import blocks
from dlas.tensorir.operators import Convolution, Linear

NAME = "direct"
SCHEDULES = "dlas.layers.primitive.tvm.schedules"


@dataclass(frozen=True)
class Direct:
    """Every activation between operators is N, 1, H, W, C; weights are KH, KW, I, O."""

    def convolution(self, emitter: Emitter, operator: Convolution, image: Value) -> Lowered:
        """The loops of the definition, tiled."""
        lanes = emitter.machine.lanes
        out = channels_last(operator.output[1], lanes)
        if operator.depthwise:
            return depthwise(emitter, operator, image, NAME)
        image = last(emitter, image)

        def weight_at(tensor: Any, _: Any, v: Any, c: Any, i: Any, j: Any) -> Any:
            return tensor[i, j, c, v]

        tile = tiles.chosen(emitter, operator, out // lanes, tiles.whole)
        attrs = {"schedule": f"{SCHEDULES}.direct", "lanes": lanes, **tile.attrs}
        expression = expressions.convolution(operator, image.block, out, lanes, weight_at, attrs)
        var = emitter.compute("direct", expression, image.var, packing.hwio(operator, lanes))
        return Lowered(Value(var, operator.output, out), NAME, str(tile))

    def linear(self, emitter: Emitter, operator: Linear, rows: Value) -> Lowered:
        """A tile of rows x outputs."""
        return linear.lower(emitter, operator, rows, NAME)


def channels_last(channels: int, lanes: int) -> int:
    """The one block that holds all channels, a multiple of the lanes."""
    return blocks(channels, lanes) * lanes


def last(emitter: Emitter, image: Value) -> Value:
    """The image with its channels last; as it is where they are too few to fill a vector."""
    lanes = emitter.machine.lanes
    few = image.shape[1] < lanes and image.block == 1
    return image if few else emitter.reblocked(image, channels_last(image.shape[1], lanes))


def depthwise(emitter: Emitter, operator: Convolution, image: Value, name: str) -> Lowered:
    """Vectors over the channels of a pixel."""
    lanes = emitter.machine.lanes
    block = channels_last(image.shape[1], lanes)
    image = emitter.reblocked(image, block)
    tile = tiles.chosen_depthwise(emitter, operator, tiles.without_bands(operator, emitter.machine))
    attrs = {"schedule": f"{SCHEDULES}.direct_depthwise", "lanes": lanes, **tile.attrs}
    expression = expressions.depthwise(operator, block, attrs)
    var = emitter.compute("direct_depthwise", expression, image.var, packing.depthwise(operator, block))
    return Lowered(Value(var, operator.output, block), name, str(tile))

"""Spatial pack: channels in blocks of a vector, packed weights, register tiles of output pixels x channel blocks."""

from dataclasses import dataclass
from typing import Any

from dlas.layers.primitive.tvm import expressions, integer, linear, packing, tiles
from dlas.tensorir.emitter import Emitter, Lowered, Value
from dlas.tensorir.layout import PLAIN, blocks
from dlas.tensorir.operators import Convolution, Linear

NAME = "spatial-pack"
_SCHEDULES = "dlas.layers.primitive.tvm.schedules"


@dataclass(frozen=True)
class SpatialPack:
    """Every activation between operators is N, C/lanes, H, W, lanes."""

    def convolution(self, emitter: Emitter, operator: Convolution, image: Value) -> Lowered:
        """A tile of pixels x channel blocks stays in registers during the whole reduction."""
        lanes = emitter.machine.lanes
        if operator.depthwise:
            return self._depthwise(emitter, operator, emitter.reblocked(image, lanes))
        # Plain channels that do not fill vectors are read where they lie: to move them costs more.
        if image.block != PLAIN or image.shape[1] % lanes == 0:
            image = emitter.reblocked(image, lanes)
        tile = tiles.chosen(emitter, operator, blocks(operator.output[1], lanes), tiles.packed(operator))

        def weight_at(tensor: Any, o: Any, v: Any, c: Any, i: Any, j: Any) -> Any:
            return tensor[o // tile.blocks, c, i, j, o % tile.blocks, v]

        schedule = "spatial_pack_in_parts" if tile.part else "spatial_pack"
        attrs = {"schedule": f"{_SCHEDULES}.{schedule}", **tile.attrs}
        expression = expressions.convolution(operator, image.block, lanes, lanes, weight_at, attrs)
        weights = packing.tiled(operator, lanes, tile.blocks)
        var = emitter.compute("spatial_pack", expression, image.var, weights)
        return Lowered(Value(var, operator.output, lanes), NAME, str(tile))

    def _depthwise(self, emitter: Emitter, operator: Convolution, image: Value) -> Lowered:
        lanes = image.block
        tile = tiles.chosen_depthwise(emitter, operator, tiles.whole)
        attrs = {"schedule": f"{_SCHEDULES}.depthwise", **tile.attrs}
        expression = expressions.depthwise(operator, lanes, attrs)
        var = emitter.compute("spatial_pack_depthwise", expression, image.var, packing.depthwise(operator, lanes))
        return Lowered(Value(var, operator.output, lanes), NAME, str(tile))

    def linear(self, emitter: Emitter, operator: Linear, rows: Value) -> Lowered:
        """The same tile, of rows x outputs."""
        return linear.lower(emitter, operator, rows, NAME)

    def integer_convolution(self, emitter: Emitter, operator: Convolution, image: Value, zero: int) -> Lowered:
        """The same of bytes, four input channels at a time."""
        return integer.convolution(emitter, operator, image, zero, NAME)

    def integer_linear(self, emitter: Emitter, operator: Linear, rows: Value) -> Lowered:
        """The same tile, of rows x outputs."""
        return integer.rows_times(emitter, operator, rows, NAME)

"""Block-compressed rows on blocked channels, as spatial-pack leaves them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlas.layers.primitive.tvm import bsr_kernel, packing
from dlas.layers.primitive.tvm.bsr_kernel import HEIGHT, Sizes
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.tensorir.emitter import Emitter, Lowered, Value
from dlas.tensorir.layout import PLAIN, blocks
from dlas.tensorir.operators import Convolution, Linear, Weights

NAME = "bsr"
_DENSE = SpatialPack()


@dataclass(frozen=True)
class Bsr:
    """Every activation between operators is N, C/lanes, H, W, lanes."""

    threshold: float

    def convolution(self, emitter: Emitter, operator: Convolution, image: Value) -> Lowered:
        """Blocks that are not zero times pixels, where enough are zero."""
        if operator.depthwise or sparsity(operator) < self.threshold:
            return _DENSE.convolution(emitter, operator, image)
        lanes = emitter.machine.lanes
        sizes = Sizes(operator, emitter.machine)
        values, offsets, pointers = compressed(sizes)
        function = bsr_kernel.bsr(sizes, len(values), emitter.storage)
        batch, channels, high, wide = operator.output
        inputs = [emitter.reblocked(image, lanes).var, values, offsets, pointers]
        var = emitter.kernel("bsr", function, inputs, (batch, blocks(channels, lanes), high, wide, lanes))
        detail = f"{HEIGHT}x1 on {max(size for _, _, size in sizes.groups)} pixels"
        return Lowered(Value(var, operator.output, lanes), NAME, detail, sparse=True)

    def linear(self, emitter: Emitter, operator: Linear, rows: Value) -> Lowered:
        """A 1x1 convolution of images of one pixel."""
        if sparsity(operator) < self.threshold:
            return _DENSE.linear(emitter, operator, rows)
        from tvm import relax

        inputs, outputs = operator.weights.shape
        weights = np.ascontiguousarray(operator.weights.T).reshape(outputs, inputs, 1, 1)
        shape = (operator.rows, inputs, 1, 1)
        image = Value(emitter.builder.emit(relax.op.reshape(rows.var, shape)), shape)
        done = self.convolution(emitter, Convolution(weights, shape), image)
        flat = relax.op.reshape(emitter.reblocked(done.value, PLAIN).var, (operator.rows, outputs))
        return Lowered(Value(emitter.builder.emit(flat), (operator.rows, outputs)), NAME, done.detail, sparse=True)


def sparsity(operator: Convolution | Linear) -> float:
    """Share of blocks that hold nothing."""
    rows = operator.weights.T if isinstance(operator, Linear) else operator.weights
    return 1 - float(_occupied(rows.reshape(len(rows), -1)).mean())


def _occupied(matrix: Weights) -> NDArray[np.bool_]:
    """For each block of rows and each column, whether there is anything."""
    filled = np.pad(matrix != 0, [(0, -len(matrix) % HEIGHT), (0, 0)])
    return np.asarray(filled.reshape(-1, HEIGHT, matrix.shape[1]).any(1))


def compressed(sizes: Sizes) -> tuple[Weights, NDArray[np.int32], NDArray[np.int32]]:
    """Blocks (count x 16), where each one's first pixel lies in the padded image, and pointers for each block row."""
    matrix = packing.all_channels(sizes.operator).reshape(len(sizes.operator.weights), -1)
    occupied = _occupied(matrix)
    row, column = np.nonzero(occupied)
    count = len(occupied)
    filled = np.pad(matrix, [(0, -len(matrix) % HEIGHT), (0, 0)]).reshape(count, HEIGHT, -1)
    values = filled[row, :, column]
    pointers = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=count))])
    high, wide = sizes.operator.kernel
    channel, place = column // (high * wide), column % (high * wide)
    offsets = sizes.offset(channel, place // wide, place % wide)
    if not len(values):  # a buffer holds something
        values, offsets = np.zeros((1, HEIGHT), np.float32), np.zeros(1, np.int64)
    if offsets.max() > np.iinfo(np.int32).max:
        raise OverflowError("offsets of a sparse convolution beyond 32 bits")
    return np.ascontiguousarray(values, np.float32), offsets.astype(np.int32), pointers.astype(np.int32)

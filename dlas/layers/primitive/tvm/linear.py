"""Linear operators: rows x packed weights, bound by memory for one row."""

from typing import Any

from dlas.layers.primitive.tvm import packing
from dlas.layers.primitive.tvm.expressions import ANCHOR
from dlas.tensorir.emitter import Emitter, Lowered, Value, widened
from dlas.tensorir.layout import blocks
from dlas.tensorir.operators import Linear

_MOST_ROWS = 4


def lower(emitter: Emitter, operator: Linear, rows: Value, name: str) -> Lowered:
    """The kernel of a linear operator; `rows` is plain."""
    from tvm import te

    inputs, outputs = operator.weights.shape
    lanes = emitter.machine.lanes
    together, vectors = tile(emitter, operator)
    width = vectors * lanes
    attrs = {"schedule": "dlas.layers.primitive.tvm.schedules.linear", "rows": together, "lanes": lanes}

    def expression(tensor: Any, weights: Any) -> Any:
        k = te.reduce_axis((0, inputs), "k")
        product = te.compute(
            (operator.rows, weights.shape[0], width),
            lambda n, o, v: te.sum(tensor[n, k] * widened(weights[o, k, v]), axis=[k]),
            name=ANCHOR,
            attrs=attrs,
        )
        return te.compute((operator.rows, outputs), lambda n, o: product[n, o // width, o % width], name="unpack")

    var = emitter.compute("linear", expression, rows.var, packing.linear(operator.weights, width))
    return Lowered(Value(var, (operator.rows, outputs)), name, f"{together}x{width}")


def tile(emitter: Emitter, operator: Linear) -> tuple[int, int]:
    """Rows of a tile and vectors of outputs; the fixed one has one of each."""
    if emitter.schedule == "fixed":
        return 1, 1
    rows = min(operator.rows, _MOST_ROWS)
    outputs = blocks(operator.weights.shape[1], emitter.machine.lanes)
    return rows, max(1, min(emitter.machine.registers // 2 // rows, outputs))

"""Operators that keep the block of their input: element-wise ones, pooling, means, concatenations, flattenings.

A handler gives None where it cannot, and the operator gets plain tensors.
"""

from collections.abc import Callable, Mapping
from typing import Any

from dlas.layers.codegen.tvm.importing import constant
from dlas.tensorir import layout
from dlas.tensorir.emitter import OPAQUE, Emitter, Value
from dlas.tensorir.layout import PLAIN

Values = Mapping[Any, Value]
Handler = Callable[[Emitter, Any, Values], Value | None]


def _value(expression: Any, values: Values) -> Value | None:
    from tvm import relax

    return values.get(expression) if isinstance(expression, relax.Var) else None


def _blocked(expression: Any, values: Values) -> Value | None:
    value = _value(expression, values)
    return value if value and value.block != PLAIN else None


def _shape(call: Any) -> tuple[int, ...]:
    return tuple(int(extent) for extent in call.ty.shape)


# --- element by element -------------------------------------------------------------------------------------------


def unary(emitter: Emitter, call: Any, values: Values) -> Value | None:
    """An activation."""
    from tvm import ir

    image = _blocked(call.args[0], values)
    if image is None:
        return None
    var = emitter.builder.emit(ir.Call(call.op, [image.var, *call.args[1:]], call.attrs))
    return Value(var, image.shape, image.block)


def sigmoid(emitter: Emitter, call: Any, values: Values) -> Value | None:
    """The logistic function by a polynomial (error 1e-7), since a vector of exponentials is one call for each lane."""
    from tvm import topi

    image = _value(call.args[0], values)
    if image is None:
        return None
    var = emitter.compute("sigmoid", lambda x: 1.0 / (1.0 + topi.fast_exp(-x)), image.var, attrs={})
    return Value(var, image.shape, image.block)


def binary(emitter: Emitter, call: Any, values: Values) -> Value | None:
    """An operator of two values of the same channels, or of one and a constant for each channel."""
    from tvm import ir

    shape = _shape(call)
    images = [image for image in (_blocked(a, values) for a in call.args) if image and image.shape == shape]
    if not images:
        return None
    operands = [_operand(emitter, argument, values, shape, images[0].block) for argument in call.args]
    if any(operand is None for operand in operands):
        return None
    return Value(emitter.builder.emit(ir.Call(call.op, operands, call.attrs)), shape, images[0].block)


def _operand(emitter: Emitter, argument: Any, values: Values, shape: tuple[int, ...], block: int) -> Any:
    """An operand in the block of the result; None where it has no such form."""
    from tvm import relax

    value, array = _value(argument, values), constant(argument)
    if value and len(value.shape) == len(shape) and value.shape[1] == shape[1]:
        var = emitter.reblocked(value, block).var
        return var if value.shape == shape else _computed_once(emitter, var)
    if array is None:
        return None
    if array.size == 1:
        return relax.const(array.reshape(()))
    axis = array.ndim - len(shape) + 1  # that of the channels: the last axes are the same
    by_channel = axis >= 0 and array.size == array.shape[axis] == shape[1]
    return relax.const(layout.pack_channels(array, block)) if by_channel else None


def _computed_once(emitter: Emitter, var: Any) -> Any:
    """A small operand behind a kernel of its own: fused, what computes it would be repeated for every pixel."""
    from tvm import te

    return emitter.compute("once", lambda x: te.compute(x.shape, lambda *at: x[at], name="once"), var, attrs=OPAQUE)


# --- pooling ------------------------------------------------------------------------------------------------------


def _pool(kind: str) -> Handler:
    def pool(emitter: Emitter, call: Any, values: Values) -> Value | None:
        from tvm import topi

        image = _blocked(call.args[0], values)
        if image is None:
            return None
        a, block = call.attrs, image.block

        def expression(data: Any) -> Any:
            return topi.nn.pool2d(
                data,
                [int(v) for v in a.pool_size],
                [int(v) for v in a.strides],
                [int(v) for v in a.dilation],
                [int(v) for v in a.padding],
                kind,
                bool(a.ceil_mode),
                f"NCHW{block}c",
                bool(a.count_include_pad),
            )

        return Value(emitter.compute(f"{kind}_pool", expression, image.var, attrs=OPAQUE), _shape(call), block)

    return pool


def mean(emitter: Emitter, call: Any, values: Values) -> Value | None:
    """The mean over all pixels."""
    image = _blocked(call.args[0], values)
    if image is None or len(image.shape) != 4 or {int(axis) % 4 for axis in call.attrs.axis} != {2, 3}:
        return None
    batch, channels, _, _ = image.shape
    var = emitter.compute("mean", _mean, image.var, attrs=OPAQUE)
    pooled = Value(var, (batch, channels, 1, 1), image.block)
    return pooled if call.attrs.keepdims else flat(emitter, pooled)


def _mean(data: Any) -> Any:
    from tvm import te, tirx

    batch, outer, high, wide, block = (int(extent) for extent in data.shape)
    h, w = te.reduce_axis((0, high), "h"), te.reduce_axis((0, wide), "w")
    total = te.compute(
        (batch, outer, 1, 1, block), lambda n, c, _, __, b: te.sum(data[n, c, h, w, b], axis=[h, w]), name="total"
    )
    share = tirx.const(1 / (high * wide), "float32")
    return te.compute(total.shape, lambda *at: total[at] * share, name="mean")


def adaptive_mean(emitter: Emitter, call: Any, values: Values) -> Value | None:
    """Adaptive pooling to one pixel."""
    image = _blocked(call.args[0], values)
    if image is None or _shape(call)[2:] != (1, 1):
        return None
    return Value(emitter.compute("mean", _mean, image.var, attrs=OPAQUE), _shape(call), image.block)


# --- shapes -------------------------------------------------------------------------------------------------------


def flatten(emitter: Emitter, call: Any, values: Values) -> Value | None:
    """N, C, 1, 1 becomes N, C without a copy."""
    image = _blocked(call.args[0], values)
    if image is None or image.shape[2:] != (1, 1) or _shape(call) != image.shape[:2]:
        return None
    return flat(emitter, image)


def flat(emitter: Emitter, image: Value) -> Value:
    """N, C, 1, 1 as N, C."""
    from tvm import relax

    shape = image.shape[:2]
    if shape[1] % image.block:
        image = emitter.reblocked(image, PLAIN)
    return Value(emitter.builder.emit(relax.op.reshape(image.var, shape)), shape)


def concatenate(emitter: Emitter, call: Any, values: Values) -> Value | None:
    """Channels one after the other, where only the last may leave its block unfilled."""
    from tvm import relax

    parts = [_value(field, values) for field in call.args[0].fields]
    if int(call.attrs.axis) != 1 or not all(p and len(p.shape) == 4 for p in parts):
        return None
    images = [part for part in parts if part]
    block = max(image.block for image in images)
    if block == PLAIN:
        return None
    if all(i.block != PLAIN and i.block == i.shape[1] for i in images):  # each one whole block: channels last
        var = emitter.builder.emit(relax.op.concat([image.var for image in images], 4))
        return Value(var, _shape(call), sum(image.block for image in images))
    if any(image.shape[1] % block for image in images[:-1]):
        return None
    moved = [emitter.reblocked(image, block).var for image in images]
    return Value(emitter.builder.emit(relax.op.concat(moved, 1)), _shape(call), block)


_UNARY = "nn.relu clip tanh exp nn.silu nn.leakyrelu nn.gelu negative abs sqrt"
_BINARY = "add subtract multiply divide maximum minimum"

HANDLERS: Mapping[str, Handler] = {
    **{f"relax.{name}": unary for name in _UNARY.split()},
    **{f"relax.{name}": binary for name in _BINARY.split()},
    "relax.sigmoid": sigmoid,
    "relax.nn.max_pool2d": _pool("max"),
    "relax.nn.avg_pool2d": _pool("avg"),
    "relax.nn.adaptive_avg_pool2d": adaptive_mean,
    "relax.mean": mean,
    "relax.reshape": flatten,
    "relax.squeeze": flatten,
    "relax.flatten": flatten,
    "relax.concat": concatenate,
}

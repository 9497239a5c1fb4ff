"""Which operators of a quantised network (QDQ) stay integer: what is between two roundings becomes one kernel.

Whatever is not known here is computed on float32 numbers, and rounded after.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dlas.errors import Inapplicable
from dlas.layers.codegen.tvm import blocked
from dlas.layers.codegen.tvm.importing import constant, convolution_of
from dlas.layers.codegen.tvm.pending import Added, Mapped, Mean, Multiplied, Sums
from dlas.layers.codegen.tvm.quantised import Floats, Form, Pending, Quantised, Stored, Values, rounded
from dlas.tensorir.emitter import Emitter, IntegerLowering, Lowered, OperatorLowering, Value
from dlas.tensorir.layout import PLAIN
from dlas.tensorir.operators import Linear

Found = Value | Form | None
Rule = Callable[[Any, Values], Found]


def product(lowering: OperatorLowering, call: Any, values: Values) -> tuple[Lowered, Sums] | None:
    """A convolution or linear operator of bytes and stored integers; None for any other."""
    rules = {"relax.nn.conv2d": _convolution, "relax.matmul": _linear}
    rule = rules.get(call.op.name)
    image, weights = (values.form(argument) for argument in call.args[:2]) if rule else (None, None)
    if rule is None or not isinstance(image, Quantised) or not isinstance(weights, Stored):
        return None
    outputs = 0 if rule is _convolution else 1  # axis of the weights
    if len(image.image.shape) != weights.numbers.ndim or not weights.scaled_along(outputs):
        return None
    if not isinstance(lowering, IntegerLowering):
        raise Inapplicable("codegen tvm: this primitive has no integer kernels; use spatial-pack")
    return rule(values.emitter, lowering, call, image, weights)


def _convolution(
    emitter: Emitter, lowering: IntegerLowering, call: Any, image: Quantised, weights: Stored
) -> tuple[Lowered, Sums]:
    operator = convolution_of(call, image.image.shape, weights.numbers.astype(np.float32))
    lowered = lowering.integer_convolution(emitter, operator, image.image, image.zero)
    return lowered, _sums(lowered, image, weights, weights.numbers.sum((1, 2, 3), dtype=np.int32))


def _linear(
    emitter: Emitter, lowering: IntegerLowering, _: Any, image: Quantised, weights: Stored
) -> tuple[Lowered, Sums]:
    rows = emitter.reblocked(image.image, PLAIN)
    operator = Linear(weights.numbers.astype(np.float32), rows.shape[0])
    lowered = lowering.integer_linear(emitter, operator, rows)
    return lowered, _sums(lowered, image, weights, weights.numbers.sum(0, dtype=np.int32))


def _sums(lowered: Lowered, image: Quantised, weights: Stored, totals: Any) -> Sums:
    """The zero of the image times all weights of a channel is part of its bias."""
    scales = np.broadcast_to(image.scale * weights.scales, totals.shape)
    return Sums(lowered.value, scales, -np.int32(image.zero) * totals)


def rewritten(call: Any, values: Values) -> Found:
    """What an operator leaves where its operands are integers; None where it has to be computed in float32."""
    rule = _RULES.get(call.op.name)
    return rule(call, values) if rule else None


def _quantize(call: Any, values: Values) -> Found:
    scale, zero = (constant(argument) for argument in call.args[1:3])
    if scale is None or zero is None or scale.size > 1 or str(call.ty.dtype) != "uint8" or call.args[0] not in values:
        return None
    form, parameters = values.form(call.args[0]), (np.float32(scale.item()), int(zero.item()))
    if isinstance(form, Pending):
        return form.quantised(values.emitter, *parameters)
    return rounded(values.emitter, values[call.args[0]], *parameters)


def _dequantize(call: Any, values: Values) -> Found:
    scale, zero = (constant(argument) for argument in call.args[1:3])
    numbers, form = constant(call.args[0]), values.form(call.args[0])
    if numbers is not None and scale is not None and zero is not None and not zero.any():
        axis = int(call.attrs.axis) % numbers.ndim if scale.size > 1 else 0
        return Stored(numbers, np.atleast_1d(scale).astype(np.float32), axis)
    return form if isinstance(form, Quantised) else None  # QDQ: with the parameters that it was quantised by


def _add(call: Any, values: Values) -> Found:
    first, second = (values.form(argument) for argument in call.args)
    if isinstance(first, Sums) and isinstance(second, Stored):
        return replace(first, bias=first.bias + second.numbers.reshape(-1))
    same = isinstance(first, Quantised) and isinstance(second, Quantised) and first.image.shape == second.image.shape
    return Added(first, second) if same else None  # type: ignore[arg-type]


def _multiply(call: Any, values: Values) -> Found:
    first, second = (values.form(argument) for argument in call.args)
    if not isinstance(first, Quantised) or not isinstance(second, Quantised):
        return None
    larger, other = (first, second) if first.image.shape == tuple(map(int, call.ty.shape)) else (second, first)
    if other.image.shape not in (larger.image.shape, (*larger.image.shape[:2], 1, 1)):
        return None
    return Multiplied(larger, other)


def _sigmoid(call: Any, values: Values) -> Found:
    form = values.form(call.args[0])
    return Mapped(form, _logistic) if isinstance(form, Quantised) else None


def _logistic(numbers: Floats) -> Floats:
    return np.float32(1) / (np.float32(1) + np.exp(-numbers))


def _reshape(call: Any, values: Values) -> Found:
    form, shape = values.form(call.args[0]), tuple(int(extent) for extent in call.ty.shape)
    if isinstance(form, Stored) and shape[1:2] == form.numbers.shape == (form.numbers.size,):
        return replace(form, numbers=form.numbers.reshape(shape))
    if isinstance(form, Mean) and shape == form.shape[:2]:
        return replace(form, shape=shape)
    return _same_bytes(blocked.flatten)(call, values)


def _permute(call: Any, values: Values) -> Found:
    form = values.form(call.args[0])
    if not isinstance(form, Stored) or form.numbers.ndim != 2:
        return None
    return Stored(form.numbers.T, form.scales, 1 - form.axis)


def _mean(call: Any, values: Values) -> Found:
    form = values.form(call.args[0])
    if not isinstance(form, Quantised) or {int(axis) % 4 for axis in call.attrs.axis} != {2, 3}:
        return None
    return Mean(form, tuple(int(extent) for extent in call.ty.shape))


def _same_bytes(handler: blocked.Handler) -> Rule:
    """An operator that chooses or moves numbers does so with bytes."""

    def rule(call: Any, values: Values) -> Found:
        form = values.form(call.args[0])
        if not isinstance(form, Quantised):
            return None
        image = handler(values.emitter, call, {call.args[0]: form.image})
        return replace(form, image=image) if image else None

    return rule


_RULES: Mapping[str, Rule] = {
    "relax.quantize": _quantize,
    "relax.dequantize": _dequantize,
    "relax.add": _add,
    "relax.multiply": _multiply,
    "relax.sigmoid": _sigmoid,
    "relax.reshape": _reshape,
    "relax.permute_dims": _permute,
    "relax.mean": _mean,
    "relax.nn.max_pool2d": _same_bytes(blocked.HANDLERS["relax.nn.max_pool2d"]),
}

"""From the network's ONNX to a Relax function of constants, convolutions and what lies between them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlas import network as networks
from dlas.tensorir.operators import Convolution

if TYPE_CHECKING:
    import onnx
    from tvm import ir, relax

Array = np.ndarray[Any, Any]
_UNPACKING = ("Cast", "Gather", "Identity", "Mul", "Reshape", "Slice")  # what stored weights are computed by


def read(path: Path, batch: int) -> "ir.IRModule":
    """The network with a fixed batch as a module whose `main` takes the images and gives the logits."""
    import onnx
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx

    model = onnx.load(path)
    networks.fix_batch(model, batch)
    _unpack(model)
    passes = relax.transform
    imported = passes.CanonicalizeBindings()(from_onnx(model, keep_params_in_input=False))
    return passes.DeadCodeElimination()(_simplified(imported))


def _unpack(model: "onnx.ModelProto") -> None:
    """Weights that the file computes from what it stores, as ternary ones, become initialisers; shapes stay."""
    from onnx import numpy_helper
    from onnx.reference import ReferenceEvaluator

    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        if node.op_type in _UNPACKING and all(name in known for name in node.input):
            values = ReferenceEvaluator(node).run(None, {name: known[name] for name in node.input})
            known |= dict(zip(node.output, map(np.asarray, values), strict=True))
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(known[name], name) for name in known if name in used)


def bindings(function: "relax.Function") -> "list[tuple[relax.Var, Any]]":
    """Variables and their values, in order."""
    return [(binding.var, binding.value) for block in function.body.blocks for binding in block.bindings]


def constant(expression: Any) -> Array | None:
    """The array of a constant, None for anything else."""
    from tvm import ir

    held: Any = expression.value if isinstance(expression, ir.GenericConst) else None
    return held.numpy() if hasattr(held, "numpy") else None


# --- simplification -----------------------------------------------------------------------------------------------

# What the importer does to weights and limits; FoldConstant would compile a kernel for each of them.
_FOLDED: Mapping[str, Callable[..., Any]] = {
    "relax.isnan": np.isnan,
    "relax.where": np.where,
    "relax.add": np.add,
    "relax.subtract": np.subtract,
    "relax.multiply": np.multiply,
    "relax.divide": np.divide,
    "relax.sqrt": np.sqrt,
    "relax.negative": np.negative,
}

_MOVED = ("relax.reshape", "relax.permute_dims", "relax.astype")


def _simplified(module: "ir.IRModule") -> "ir.IRModule":
    """Operators of constants become constants, clips and normalisations what they are: limits, products and sums."""
    from tvm import relax

    @relax.expr_functor.mutator
    class Simplify(relax.PyExprMutator):  # type: ignore[misc]
        def visit_call_(self, call: Any) -> Any:
            return _simpler_call(self.visit_expr_post_order(call), _Bound(self.lookup_binding))

        def visit_tuple_getitem_(self, item: Any) -> Any:
            return _simpler_item(self.visit_expr_post_order(item), _Bound(self.lookup_binding), self.builder_)

    mutator = Simplify(module)
    mutator.builder_.update_func(module.get_global_var("main"), mutator.visit_expr(module["main"]))
    return relax.transform.CanonicalizeBindings()(mutator.builder_.get())


@dataclass(frozen=True)
class _Bound:
    """What is known of expressions: `lookup` gives what a variable is bound to."""

    lookup: Callable[[Any], Any]

    def value(self, expression: Any) -> Any:
        """What a variable stands for; anything else stands for itself."""
        from tvm import relax

        return self.lookup(expression) if isinstance(expression, relax.Var) else expression

    def array(self, expression: Any) -> Array | None:
        """The array of a constant."""
        return constant(self.value(expression))

    def numbers(self, expression: Any) -> Array | None:
        """The same, also of stored integers and their scale."""
        value = self.value(expression)
        if _operator_name(value) == "relax.dequantize":
            return _dequantised(*map(self.array, value.args))
        return constant(value)


def _operator_name(expression: Any) -> str:
    return str(getattr(getattr(expression, "op", None), "name", ""))


def _simpler_call(call: Any, bound: _Bound) -> Any:
    """One side of a clip as an operator, an operator of constants as a constant, any other call as it is."""
    from tvm import relax

    name = _operator_name(call)
    if name == "relax.call_tir":
        return _limit(call, [bound.array(field) for field in call.args[1].fields])
    if name not in (*_FOLDED, *_MOVED):
        return call
    read = bound.array if name in _MOVED else bound.numbers
    folded = _folded(name, call, [read(argument) for argument in call.args])
    return call if folded is None else relax.const(np.array(folded, order="C"))


def _simpler_item(item: Any, bound: _Bound, builder: "relax.BlockBuilder") -> Any:
    """What a normalisation or a dropout gives, without it; any other item of a tuple as it is."""
    from tvm import relax

    call = bound.value(item.tuple_value)
    name = "" if item.index else _operator_name(call)
    if name == "relax.nn.dropout":
        return call.args[0]
    if name != "relax.nn.batch_norm":
        return item
    scale, shift = _affine(call, [bound.numbers(argument) for argument in call.args[1:]])
    product = builder.emit(relax.op.multiply(call.args[0], relax.const(scale)))
    return relax.op.add(product, relax.const(shift))


def _dequantised(numbers: Array | None, scale: Array | None, zero: Array | None) -> Array | None:
    """Float32 numbers of stored integers, whose first axis may have a scale for each entry."""
    if numbers is None or scale is None or zero is None:
        return None
    axes = (-1, *[1] * (numbers.ndim - 1)) if scale.size > 1 else ()
    found: Array = (numbers.astype(np.float32) - zero.reshape(axes)) * scale.reshape(axes)
    return found


def _limit(call: Any, arrays: list[Array | None]) -> Any:
    """The operator that a kernel stands for, if it is one side of a clip."""
    from tvm import relax

    operators = {"maximum": relax.op.maximum, "minimum": relax.op.minimum}
    operator = operators.get(call.args[0].name_hint.rstrip("0123456789"))
    limit = arrays[-1]
    if operator is None or limit is None or limit.ndim:
        return call
    return operator(call.args[1].fields[0], relax.const(limit))


def _affine(norm: Any, statistics: "list[Array | None]") -> tuple[Array, Array]:
    """Factor and summand of each channel that a normalisation with constant statistics comes to."""
    gamma, beta, mean, variance = (array for array in statistics if array is not None)
    factor = gamma / np.sqrt(variance + np.float32(norm.attrs.epsilon))
    shape = (1, -1, *[1] * (len(norm.args[0].ty.shape) - 2))
    return factor.reshape(shape).astype(np.float32), (beta - mean * factor).reshape(shape).astype(np.float32)


def _folded(name: str, call: Any, arrays: list[Array | None]) -> Array | None:
    """The value of an operator all of whose operands are constants."""
    values = [array for array in arrays if array is not None]
    if not values or arrays[0] is None:
        return None
    if name == "relax.reshape":
        return values[0].reshape([int(extent) for extent in call.ty.shape])
    if name == "relax.permute_dims":
        return values[0].transpose(call.attrs.axes and [int(axis) for axis in call.attrs.axes])
    if name == "relax.astype":
        return values[0].astype(str(call.attrs.dtype))
    if name in _FOLDED and len(values) == len(arrays):
        return np.asarray(_FOLDED[name](*values))
    return None


# --- operators ----------------------------------------------------------------------------------------------------


def convolution_of(call: Any, image: tuple[int, ...], weights: Array) -> Convolution:
    """The description of a conv2d call on an image of this shape."""
    attrs = call.attrs
    strides, padding, dilation = (tuple(map(int, a)) for a in (attrs.strides, attrs.padding, attrs.dilation))
    return Convolution(weights, image, strides, padding, dilation, int(attrs.groups))  # type: ignore[arg-type]

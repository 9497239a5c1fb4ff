"""One walk over the imported function: the primitive lowers convolutions and linear operators, layouts follow them.

Element-wise operators, pooling, means and concatenations keep the layout that their input has (`blocked.py`);
whatever is not known here gets plain tensors.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlas.layers.codegen.tvm import blocked, qdq
from dlas.layers.codegen.tvm.importing import bindings, constant, convolution_of
from dlas.layers.codegen.tvm.quantised import Form, Values
from dlas.tensorir.emitter import Emitter, Lowered, OperatorLowering, Planner, Value
from dlas.tensorir.layout import PLAIN
from dlas.tensorir.operators import Convolution, Linear

if TYPE_CHECKING:
    from tvm import ir, relax

FUNCTION = "main"


@dataclass(frozen=True)
class Walked:
    """The rewritten module, what each operator became (in the network's order), copies that change layouts."""

    module: "ir.IRModule"
    lowered: tuple[Lowered, ...]
    copies: int
    copied: int  # bytes


class Walk:
    """State of the walk: the values of the variables seen so far, and what was lowered."""

    def __init__(self, module: "ir.IRModule", emitter: Emitter, lowering: OperatorLowering) -> None:
        self._module = module
        self._emitter = emitter
        self._lowering = lowering
        self._values = Values(emitter)
        self.lowered: list[Lowered] = []

    def bind(self, var: "relax.Var", value: Any) -> None:
        """Rewrite one binding."""
        self._values.bind(var, self._rewritten(value))

    def take(self, var: "relax.Var", parameter: "relax.Var") -> None:
        """A parameter of the function."""
        self._values.bind(var, Value(parameter, _shape(var)))

    def plain(self, expression: Any) -> Any:
        """An operand as the imported function has it."""
        from tvm import ir, relax

        if isinstance(expression, relax.Var):
            return self._emitter.reblocked(self._values[expression], PLAIN).var
        if isinstance(expression, ir.GlobalVar):
            return self._emitter.builder.add_func(self._module[expression], expression.name_hint)
        if isinstance(expression, relax.Tuple):
            return relax.Tuple([self.plain(field) for field in expression.fields])
        if isinstance(expression, relax.TupleGetItem):
            return relax.TupleGetItem(self.plain(expression.tuple_value), expression.index)
        if isinstance(expression, ir.Call):
            return ir.Call(
                expression.op, [self.plain(a) for a in expression.args], expression.attrs, expression.ty_args
            )
        return expression

    def _rewritten(self, value: Any) -> Value | Form:
        from tvm import relax

        if isinstance(value, relax.Var):
            return self._values.form(value) or self._values[value]
        if _name(value):
            found = self._integer(value)
            if found:
                return found
        operator = operator_of(value)
        if isinstance(operator, Convolution):
            return self._record(self._lowering.convolution(self._emitter, operator, self._values[value.args[0]]))
        if isinstance(operator, Linear):
            rows = self._emitter.reblocked(self._values[value.args[0]], PLAIN)
            return self._record(self._lowering.linear(self._emitter, operator, rows))
        known = blocked.HANDLERS.get(_name(value))
        found = known(self._emitter, value, self._values) if known else None
        return found or self._unknown(value)

    def _integer(self, call: Any) -> Value | Form | None:
        """What stays integer of a quantised network."""
        multiplied = qdq.product(self._lowering, call, self._values)
        if multiplied:
            lowered, sums = multiplied
            self.lowered.append(lowered)
            return sums
        return qdq.rewritten(call, self._values)

    def _unknown(self, value: Any) -> Value:
        """An operator that is kept, with plain operands."""
        var = self._emitter.builder.emit(self.plain(value))
        return Value(var, _shape(var))

    def _record(self, lowered: Lowered) -> Value:
        self.lowered.append(lowered)
        return lowered.value


def operators(module: "ir.IRModule") -> list[Convolution | Linear]:
    """The convolutions and linear operators with constant weights of an imported module, in order."""
    found = (operator_of(value) for _, value in bindings(module[FUNCTION]))
    return [operator for operator in found if operator]


def operator_of(value: Any) -> Convolution | Linear | None:
    """The convolution or linear operator that a call with constant weights is."""
    name = _name(value)
    weights = constant(value.args[1]) if name in ("relax.nn.conv2d", "relax.matmul") else None
    if weights is None:
        return None
    if name == "relax.nn.conv2d":
        return convolution_of(value, _shape(value.args[0]), weights)
    return Linear(weights, _shape(value.args[0])[0]) if _is_linear(value) else None


def _name(value: Any) -> str:
    from tvm import ir

    return value.op.name if isinstance(value, ir.Call) and isinstance(value.op, ir.Op) else ""


def _is_linear(call: Any) -> bool:
    from tvm import ir

    return isinstance(call.args[1], ir.GenericConst) and len(_shape(call.args[1])) == len(_shape(call.args[0])) == 2


def _shape(expression: Any) -> tuple[int, ...]:
    """The shape of a tensor; of a tuple nothing."""
    return tuple(int(extent) for extent in getattr(expression.ty, "shape", ()))


def walk(module: "ir.IRModule", emitter: Emitter, lowering: OperatorLowering) -> Walked:
    """Rewrite the function of an imported module."""
    from tvm import relax

    function = module[FUNCTION]
    if isinstance(lowering, Planner):
        lowering = lowering.planned(operators(module))
    walked = Walk(module, emitter, lowering)
    parameters = [relax.Var(str(p), p.ty) for p in function.params]
    builder = emitter.builder
    with builder.function(FUNCTION, parameters):
        with builder.dataflow():
            for old, new in zip(function.params, parameters, strict=True):
                walked.take(old, new)
            for var, value in bindings(function):
                walked.bind(var, value)
            logits = builder.emit_output(walked.plain(function.body.body))
        builder.emit_func_output(logits)
    return Walked(builder.get(), tuple(walked.lowered), len(emitter.copies), sum(emitter.copies))

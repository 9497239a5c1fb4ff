"""Writing one Relax function, kernel by kernel: values and the layouts that they have in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from dlas.tensorir import layout
from dlas.tensorir.choices import DEFAULTS, Choices
from dlas.tensorir.layout import PLAIN
from dlas.tensorir.machine import Machine
from dlas.tensorir.operators import Convolution, Linear

if TYPE_CHECKING:
    from tvm import relax

FUSABLE = {"op_pattern": 4}  # FuseOps puts element-wise followers behind such a kernel
OPAQUE = {"op_pattern": 8}


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of logical shape N, C, H, W (or N, C); float32, or integers within a quantised network.

    In memory it is N, C/block, H, W, block: `PLAIN` is NCHW, a block of all channels is NHWC. Where the channels do
    not fill the last block, its rest holds arbitrary values.
    """

    var: "relax.Var"
    shape: tuple[int, ...]
    block: int = PLAIN


@dataclass(frozen=True)
class Lowered:
    """What an operator became: its output, the primitive that it ran under, how, and whether zeros are left out."""

    value: Value
    primitive: str
    detail: str = ""
    sparse: bool = False
    precision: str = "float32"

    @property
    def implementation(self) -> str:
        """Name of the kernel."""
        return f"{self.primitive} {self.detail}".strip()


class OperatorLowering(Protocol):
    """What a primitive does with each operator; bias and activation are other operators, fused behind the kernel."""

    def convolution(self, emitter: "Emitter", operator: Convolution, image: Value) -> Lowered:
        """Write the kernels of a convolution; `image` has whatever layout its producer chose."""

    def linear(self, emitter: "Emitter", operator: Linear, rows: Value) -> Lowered:
        """Write the kernels of a linear operator; `rows` is N, C and plain."""


@runtime_checkable
class IntegerLowering(Protocol):
    """A lowering that has integer kernels too: uint8 times int8, sums of 32 bits, which are all that it writes.

    The weights of the operators hold whole numbers from -128 to 127; `zero` is what stands for zero in the image.
    """

    def integer_convolution(self, emitter: "Emitter", operator: Convolution, image: Value, zero: int) -> Lowered:
        """The same of uint8 pixels; the sums are those of the pixels as they are, the zero not subtracted."""

    def integer_linear(self, emitter: "Emitter", operator: Linear, rows: Value) -> Lowered:
        """The same of uint8 rows."""


@runtime_checkable
class Planner(Protocol):
    """A lowering that looks at the whole network first, to choose layouts."""

    def planned(self, operators: Sequence[Convolution | Linear]) -> OperatorLowering:
        """The lowering for a network of these operators."""


@dataclass
class Emitter:
    """Writes kernels into the function that is being built; `copies` counts bytes moved to change layouts."""

    builder: "relax.BlockBuilder"
    machine: Machine
    schedule: str  # "default", "fixed" or "naive"
    storage: str = "float32"  # or "float16": how the operators' weights are stored
    copies: list[int] = field(default_factory=list)
    choices: Choices = DEFAULTS

    def compute(
        self, name: str, expression: Callable[..., Any], *inputs: Any, attrs: Mapping[str, int] = FUSABLE
    ) -> "relax.Var":
        """A kernel from a tensor expression of the inputs (variables, or arrays that become constants)."""
        call = self.builder.call_te(
            expression, *map(self._operand, inputs), primfunc_name_hint=name, primfunc_attrs=dict(attrs)
        )
        return self.builder.emit(call)

    def kernel(
        self, name: str, function: Any, inputs: list[Any], shape: tuple[int, ...], dtype: str = "float32"
    ) -> "relax.Var":
        """A kernel that is written out as a PrimFunc, with an output of this shape and type."""
        from tvm import relax

        target = self.builder.add_func(function, name)
        operands = relax.Tuple([self._operand(value) for value in inputs])
        return self.builder.emit(relax.call_tir(target, operands, out_ty=relax.TensorType(shape, dtype)))

    def reblocked(self, value: Value, block: int) -> Value:
        """The same value with another block; a copy unless it has it already, or has neither."""
        if value.block == block:
            return value
        var = self.compute("reblock", layout.reblock(value.shape, value.block, block), value.var, attrs={})
        self.copies.append(np.dtype(str(var.ty.dtype)).itemsize * layout.size(value.shape, block))
        return Value(var, value.shape, block)

    def _operand(self, value: Any) -> Any:
        from tvm import relax

        if not isinstance(value, np.ndarray):
            return value
        return relax.const(value.astype(self.storage) if value.dtype == np.float32 else value)


def widened(weight: Any, lanes: int = 1) -> Any:
    """A weight, or a vector of them, as float32, however it is stored."""
    kind = "float32" if lanes == 1 else f"float32x{lanes}"
    return weight if _type(weight) == kind else weight.astype(kind)


def times(pixel: Any, weight: Any) -> Any:
    """A product of bytes as int32, of anything else as float32."""
    kind = "int32" if _type(pixel) == "uint8" else "float32"
    return pixel.astype(kind) * weight.astype(kind)


def _type(expression: Any) -> str:
    """Type of an element of a tensor expression, or of a buffer."""
    return str(getattr(expression, "dtype", None) or expression.ty)

"""Tensors of a quantised network (QDQ): integers where operators are integer, float32 only where somebody asks for it.

Rounding and the order of operations are those of ONNX Runtime's kernels (MLAS), so that activations are the same bits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dlas.tensorir.emitter import Emitter, Value

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Number = float | np.float32
# Added to a small float32, it leaves a whole number in the lowest bits; its own lowest eight are zero.
_ROUNDS = 1.5 * 2**23


class Form(Protocol):
    """A float32 tensor that is not there as such."""

    def dequantised(self, emitter: Emitter) -> Value:
        """As float32 numbers."""


@runtime_checkable
class Pending(Form, Protocol):
    """What an operator has left and nobody has rounded yet."""

    def quantised(self, emitter: Emitter, scale: np.float32, zero: int) -> "Quantised":
        """Rounded to bytes."""


class Values(Mapping[Any, Value]):
    """The tensors of the variables seen so far; as float32 where they are looked up."""

    def __init__(self, emitter: Emitter) -> None:
        self.emitter = emitter
        self._forms: dict[Any, Form] = {}
        self._floats: dict[Any, Value] = {}

    def bind(self, var: Any, found: Value | Form) -> None:
        """Remember what a variable stands for."""
        if isinstance(found, Value):
            self._floats[var] = found
        else:
            self._forms[var] = found

    def form(self, expression: Any) -> Form | None:
        """The tensor in its own form, None where it is float32."""
        from tvm import relax

        return self._forms.get(expression) if isinstance(expression, relax.Var) else None

    def __getitem__(self, var: Any) -> Value:
        if var not in self._floats:
            self._floats[var] = self._forms[var].dequantised(self.emitter)
        return self._floats[var]

    def __contains__(self, var: object) -> bool:
        return var in self._floats or var in self._forms

    def __iter__(self) -> Iterator[Any]:
        return iter({**self._forms, **self._floats})

    def __len__(self) -> int:
        return len({**self._forms, **self._floats})


@dataclass(frozen=True, eq=False)
class Quantised:
    """Bytes q (uint8) that stand for scale * (q - zero)."""

    image: Value
    scale: np.float32
    zero: int
    source: "Source | None" = None

    def dequantised(self, emitter: Emitter) -> Value:
        """Each byte by itself."""
        return each(emitter, "dequantised", lambda q, z, s: (as_float(q) - z) * s, [self.image], self.zero, self.scale)


@dataclass(frozen=True, eq=False)
class Source:
    """Where bytes were looked up: in a table of 256, by the bytes of another tensor."""

    of: Quantised
    table: Bytes


@dataclass(frozen=True, eq=False)
class Stored:
    """Integers of the file, of which an axis has a scale for each entry, or one for all; zero stands for zero."""

    numbers: NDArray[Any]
    scales: Floats
    axis: int = 0

    def dequantised(self, emitter: Emitter) -> Value:
        """A constant."""
        from tvm import relax

        scales = self.scales.reshape([-1 if axis == self.axis else 1 for axis in range(self.numbers.ndim)])
        return Value(relax.const(self.numbers.astype(np.float32) * scales), self.numbers.shape)

    def scaled_along(self, axis: int) -> bool:
        """Whether one scale belongs to each entry of the axis."""
        return self.axis == axis or self.scales.size == 1


def rounded(emitter: Emitter, image: Value, scale: np.float32, zero: int) -> Quantised:
    """Float32 numbers as bytes."""
    return Quantised(each(emitter, "quantised", lambda x, s, z: byte_of(x / s, z), [image], scale, zero), scale, zero)


def each(emitter: Emitter, name: str, number: Any, images: list[Value], *scalars: Number) -> Value:
    """A function of numbers at the same place; scalars are arguments, so that equal kernels are one."""
    from tvm import te

    def expression(*tensors: Any) -> Any:
        places, constants = tensors[: len(images)], [constant[0] for constant in tensors[len(images) :]]

        def whole(*at: Any) -> Any:
            return number(*(t[_within(t, places[0], at)] for t in places), *constants)

        return te.compute(places[0].shape, whole, name=name)

    inputs = [*(image.var for image in images), *map(scalar, scalars)]
    return replace(images[0], var=emitter.compute(name, expression, *inputs, attrs={}))


def _within(tensor: Any, whole: Any, at: tuple[Any, ...]) -> tuple[Any, ...]:
    """A place in a tensor that may have one pixel where the whole has many."""
    extents = zip(tensor.shape, whole.shape, at, strict=True)
    return tuple(place if int(own) == int(all_) else 0 for own, all_, place in extents)


def scalar(value: Number) -> Floats:
    """A number as an argument of a kernel."""
    return np.array([value], np.float32)


def as_float(number: Any) -> Any:
    """An integer of a tensor expression as float32."""
    return number.astype("float32")


def byte_of(number: Any, zero: Any) -> Any:
    """To the nearest whole number, halves to the even one, moved by the zero and kept within a byte."""
    from tvm import tirx

    low, high = (tirx.const(limit, "float32") - zero for limit in (0.0, 255.0))
    kept = tirx.max(tirx.min(number, high), low)
    whole = tirx.reinterpret("int32", kept + tirx.const(_ROUNDS, "float32"))
    return (whole + zero.astype("int32")).astype("uint8")

"""Tensors of a quantised network (QDQ): integers where operators are integer, float32 only where somebody asks for it.

Rounding and the order of operations are those of ONNX Runtime's kernels (MLAS), so that activations are the same bits.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dlas.layers.codegen.tvm import blocked
from dlas.tensorir import layout
from dlas.tensorir.emitter import OPAQUE, Emitter, Value

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Number = float | np.float32
_ROUNDS = (
    1.5 * 2**23
)  # added to a small float32, it leaves a whole number in the lowest bits, the lowest 8 of its own 0
_BYTES: Floats = np.arange(256, dtype=np.float32)


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
    source: "Lookup | None" = None

    def dequantised(self, emitter: Emitter) -> Value:
        """Each byte by itself."""
        return _each(emitter, "dequantised", lambda q, z, s: (_float(q) - z) * s, [self.image], self.zero, self.scale)


@dataclass(frozen=True, eq=False)
class Lookup:
    """Bytes that follow from the bytes of another tensor, one by one."""

    of: Quantised
    table: Bytes  # 256

    def quantised(self, emitter: Emitter, scale: np.float32, zero: int) -> Quantised:
        """The bytes, and what they stand for."""
        from tvm import te

        def expression(image: Any, table: Any) -> Any:
            attrs = {"schedule": "dlas.layers.codegen.tvm.scheduling.one_by_one"}
            return te.compute(image.shape, lambda *at: table[image[at].astype("int32")], name="lookup", attrs=attrs)

        var = emitter.compute("lookup", expression, self.of.image.var, self.table, attrs=OPAQUE)
        return Quantised(replace(self.of.image, var=var), scale, zero, self)


@dataclass(frozen=True, eq=False)
class Mapped:
    """A function of each number of a quantised tensor, which is a table of 256 entries."""

    of: Quantised
    function: Callable[[Floats], Floats]

    def quantised(self, emitter: Emitter, scale: np.float32, zero: int) -> Quantised:
        """Worked out here, looked up there."""
        found = self.function((_BYTES - np.float32(self.of.zero)) * self.of.scale) / scale
        return Lookup(self.of, _rounded(found, zero)).quantised(emitter, scale, zero)

    def dequantised(self, emitter: Emitter) -> Value:
        """The entries as they are."""
        return self.quantised(emitter, np.float32(1 / 255), 0).dequantised(emitter)


@dataclass(frozen=True, eq=False)
class Stored:
    """Integers of the file, whose first axis has a scale for each entry, or one for all; zero stands for zero."""

    numbers: NDArray[Any]
    scales: Floats

    def dequantised(self, emitter: Emitter) -> Value:
        """A constant."""
        from tvm import relax

        scales = self.scales.reshape(-1, *[1] * (self.numbers.ndim - 1))
        return Value(relax.const(self.numbers.astype(np.float32) * scales), self.numbers.shape)


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of products (int32), to which a bias is added; each channel has the scale of its products."""

    of: Value
    scales: Floats
    bias: NDArray[np.int32]

    def quantised(self, emitter: Emitter, scale: np.float32, zero: int) -> Quantised:
        """The scale of the products over that of the bytes is one factor."""
        return Quantised(self._times(emitter, self.scales / scale, _byte, zero), scale, zero)

    def dequantised(self, emitter: Emitter) -> Value:
        """Times the scale of the products."""
        return self._times(emitter, self.scales, lambda number: number)

    def _times(self, emitter: Emitter, factors: Floats, finished: Any, *scalars: Number) -> Value:
        from tvm import te

        by_channel = [layout.pack_channels(values, self.of.block) for values in (self.bias, factors)]

        def expression(sums: Any, bias: Any, factor: Any, *constants: Any) -> Any:
            def number(*at: Any) -> Any:
                channel = (0, at[1], 0, 0, at[-1]) if len(bias.shape) == len(at) else (0, at[1], 0, 0)
                return finished(_float(sums[at] + bias[channel]) * factor[channel], *(c[0] for c in constants))

            return te.compute(sums.shape, number, name="scaled")

        inputs = [self.of.var, *by_channel, *map(_scalar, scalars)]
        return replace(self.of, var=emitter.compute("scaled", expression, *inputs, attrs={}))


@dataclass(frozen=True, eq=False)
class Added:
    """The sum of two quantised tensors."""

    first: Quantised
    second: Quantised

    def quantised(self, emitter: Emitter, scale: np.float32, zero: int) -> Quantised:
        """Both ratios of scales, and all zeros in one summand."""
        first, second = (q.scale / scale for q in (self.first, self.second))
        moved = first * np.float32(self.first.zero) + second * np.float32(self.second.zero)
        images = _alike(emitter, self.first.image, self.second.image)

        from tvm import tirx

        def number(a: Any, b: Any, r: Any, s: Any, fixed: Any) -> Any:
            return _byte(_float(a) * r + (_float(b) * s + fixed), tirx.const(0, "float32"))

        ratios = first, second, np.float32(zero) - moved
        return Quantised(_each(emitter, "added", number, images, *ratios), scale, zero)

    def dequantised(self, emitter: Emitter) -> Value:
        """Their sum as float32 numbers."""
        images = _alike(emitter, self.first.dequantised(emitter), self.second.dequantised(emitter))
        return _each(emitter, "sum", lambda a, b: a + b, images)


@dataclass(frozen=True, eq=False)
class Multiplied:
    """The product of two quantised tensors, of which the second may have one pixel a channel."""

    first: Quantised
    second: Quantised

    def quantised(self, emitter: Emitter, scale: np.float32, zero: int) -> Quantised:
        """Whole products, then one factor; x times a function of x is looked up."""
        ratio = self.first.scale * self.second.scale / scale
        source = self.second.source
        if source and source.of is self.first:
            products = (_BYTES - np.float32(self.first.zero)) * (source.table - np.float32(self.second.zero))
            return Lookup(self.first, _rounded(products * ratio, zero)).quantised(emitter, scale, zero)
        images = _alike(emitter, self.first.image, self.second.image)

        def number(a: Any, b: Any, za: Any, zb: Any, r: Any, z: Any) -> Any:
            return _byte((_float(a) - za) * (_float(b) - zb) * r, z)

        scalars = self.first.zero, self.second.zero, ratio, zero
        return Quantised(_each(emitter, "multiplied", number, images, *scalars), scale, zero)

    def dequantised(self, emitter: Emitter) -> Value:
        """Their product as float32 numbers."""
        images = _alike(emitter, self.first.dequantised(emitter), self.second.dequantised(emitter))
        return _each(emitter, "product", lambda a, b: a * b, images)


@dataclass(frozen=True, eq=False)
class Mean:
    """The mean of a quantised image over its pixels; N, C, 1, 1 or N, C."""

    of: Quantised
    shape: tuple[int, ...]

    def quantised(self, emitter: Emitter, scale: np.float32, zero: int) -> Quantised:
        """Whole sums, then one factor."""
        return Quantised(self._summed(emitter, self._share / scale, _byte, zero), scale, zero)

    def dequantised(self, emitter: Emitter) -> Value:
        """Whole sums, then the scale."""
        return self._summed(emitter, self._share, lambda number: number)

    @property
    def _pixels(self) -> int:
        return self.of.image.shape[2] * self.of.image.shape[3]

    @property
    def _share(self) -> np.float32:
        return self.of.scale / np.float32(self._pixels)

    def _summed(self, emitter: Emitter, factor: np.float32, finished: Any, *scalars: Number) -> Value:
        from tvm import te

        high, wide = self.of.image.shape[2:]

        def expression(data: Any, zeros: Any, share: Any, *constants: Any) -> Any:
            h, w = te.reduce_axis((0, high), "h"), te.reduce_axis((0, wide), "w")
            shape = [*data.shape[:2], 1, 1, *data.shape[4:]]
            totals = te.compute(
                shape, lambda n, c, _, __, *v: te.sum(data[(n, c, h, w, *v)].astype("int32"), axis=[h, w]), name="total"
            )
            return te.compute(
                shape, lambda *at: finished(_float(totals[at] - zeros[0]) * share[0], *(c[0] for c in constants))
            )

        zeros = np.array([self.of.zero * self._pixels], np.int32)
        inputs = [self.of.image.var, zeros, *map(_scalar, (factor, *scalars))]
        var = emitter.compute("mean", expression, *inputs, attrs=OPAQUE)
        pooled = replace(self.of.image, var=var, shape=(*self.of.image.shape[:2], 1, 1))
        return pooled if len(self.shape) == len(pooled.shape) else blocked.flat(emitter, pooled)


def rounded(emitter: Emitter, image: Value, scale: np.float32, zero: int) -> Quantised:
    """Float32 numbers as bytes."""
    return Quantised(_each(emitter, "quantised", lambda x, s, z: _byte(x / s, z), [image], scale, zero), scale, zero)


def _alike(emitter: Emitter, first: Value, second: Value) -> list[Value]:
    """Two images in one layout."""
    block = max(first.block, second.block)
    return [emitter.reblocked(image, block) for image in (first, second)]


def _each(emitter: Emitter, name: str, number: Any, images: list[Value], *scalars: Number) -> Value:
    """A function of numbers at the same place; scalars are arguments, so that equal kernels are one."""
    from tvm import te

    def expression(*tensors: Any) -> Any:
        places, constants = tensors[: len(images)], [scalar[0] for scalar in tensors[len(images) :]]

        def whole(*at: Any) -> Any:
            return number(*(t[_within(t, places[0], at)] for t in places), *constants)

        return te.compute(places[0].shape, whole, name=name)

    inputs = [*(image.var for image in images), *map(_scalar, scalars)]
    return replace(images[0], var=emitter.compute(name, expression, *inputs, attrs={}))


def _within(tensor: Any, whole: Any, at: tuple[Any, ...]) -> tuple[Any, ...]:
    """A place in a tensor that may have one pixel where the whole has many."""
    extents = zip(tensor.shape, whole.shape, at, strict=True)
    return tuple(place if int(own) == int(all_) else 0 for own, all_, place in extents)


def _rounded(numbers: Floats, zero: int) -> Bytes:
    """Halves to the even number, as in `_byte`."""
    whole: Bytes = (np.rint(np.clip(numbers, -zero, 255 - zero)) + zero).astype(np.uint8)
    return whole


def _scalar(value: Number) -> Floats:
    return np.array([value], np.float32)


def _float(number: Any) -> Any:
    return number.astype("float32")


def _byte(number: Any, zero: Any) -> Any:
    """To the nearest whole number, halves to the even one, moved by the zero and kept within a byte."""
    from tvm import tirx

    low, high = (tirx.const(limit, "float32") - zero for limit in (0.0, 255.0))
    kept = tirx.max(tirx.min(number, high), low)
    whole = tirx.reinterpret("int32", kept + tirx.const(_ROUNDS, "float32"))
    return (whole + zero.astype("int32")).astype("uint8")

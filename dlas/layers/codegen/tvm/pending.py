"""What operators of a quantised network leave before it is rounded: sums, products, means, functions."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlas.layers.codegen.tvm import blocked, lookup
from dlas.layers.codegen.tvm.quantised import Bytes, Floats, Number, Quantised, Source, as_float, byte_of, each, scalar
from dlas.tensorir import layout
from dlas.tensorir.emitter import OPAQUE, Emitter, Value

_BYTES: Floats = np.arange(256, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of products (int32), to which a bias is added; each channel has the scale of its products."""

    of: Value
    scales: Floats
    bias: NDArray[np.int32]

    def quantised(self, emitter: Emitter, scale: np.float32, zero: int) -> Quantised:
        """The scale of the products over that of the bytes is one factor."""
        return Quantised(self._times(emitter, self.scales / scale, byte_of, zero), scale, zero)

    def dequantised(self, emitter: Emitter) -> Value:
        """Times the scale of the products."""
        return self._times(emitter, self.scales, lambda number: number)

    def _times(self, emitter: Emitter, factors: Floats, finished: Any, *scalars: Number) -> Value:
        from tvm import te

        by_channel = [layout.pack_channels(values, self.of.block) for values in (self.bias, factors)]

        def expression(sums: Any, bias: Any, factor: Any, *constants: Any) -> Any:
            def number(*at: Any) -> Any:
                channel = (0, at[1], 0, 0, at[-1]) if len(bias.shape) == len(at) else (0, at[1], 0, 0)
                return finished(as_float(sums[at] + bias[channel]) * factor[channel], *(c[0] for c in constants))

            return te.compute(sums.shape, number, name="scaled")

        inputs = [self.of.var, *by_channel, *map(scalar, scalars)]
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
            return byte_of(as_float(a) * r + (as_float(b) * s + fixed), tirx.const(0, "float32"))

        ratios = first, second, np.float32(zero) - moved
        return Quantised(each(emitter, "added", number, images, *ratios), scale, zero)

    def dequantised(self, emitter: Emitter) -> Value:
        """Their sum as float32 numbers."""
        images = _alike(emitter, self.first.dequantised(emitter), self.second.dequantised(emitter))
        return each(emitter, "sum", lambda a, b: a + b, images)


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
            return looked_up(emitter, Source(self.first, _rounded(products * ratio, zero)), scale, zero)
        images = _alike(emitter, self.first.image, self.second.image)

        def number(a: Any, b: Any, za: Any, zb: Any, r: Any, z: Any) -> Any:
            return byte_of((as_float(a) - za) * (as_float(b) - zb) * r, z)

        scalars = self.first.zero, self.second.zero, ratio, zero
        return Quantised(each(emitter, "multiplied", number, images, *scalars), scale, zero)

    def dequantised(self, emitter: Emitter) -> Value:
        """Their product as float32 numbers."""
        images = _alike(emitter, self.first.dequantised(emitter), self.second.dequantised(emitter))
        return each(emitter, "product", lambda a, b: a * b, images)


@dataclass(frozen=True, eq=False)
class Mean:
    """The mean of a quantised image over its pixels; N, C, 1, 1 or N, C."""

    of: Quantised
    shape: tuple[int, ...]

    def quantised(self, emitter: Emitter, scale: np.float32, zero: int) -> Quantised:
        """Whole sums, then one factor."""
        return Quantised(self._summed(emitter, self._share / scale, byte_of, zero), scale, zero)

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
                shape, lambda *at: finished(as_float(totals[at] - zeros[0]) * share[0], *(c[0] for c in constants))
            )

        zeros = np.array([self.of.zero * self._pixels], np.int32)
        inputs = [self.of.image.var, zeros, *map(scalar, (factor, *scalars))]
        var = emitter.compute("mean", expression, *inputs, attrs=OPAQUE)
        pooled = replace(self.of.image, var=var, shape=(*self.of.image.shape[:2], 1, 1))
        return pooled if len(self.shape) == len(pooled.shape) else blocked.flat(emitter, pooled)


@dataclass(frozen=True, eq=False)
class Mapped:
    """A function of each number of a quantised tensor, which is a table of 256 entries."""

    of: Quantised
    function: Callable[[Floats], Floats]

    def quantised(self, emitter: Emitter, scale: np.float32, zero: int) -> Quantised:
        """Worked out here, looked up there."""
        return looked_up(emitter, Source(self.of, _rounded(self._table / scale, zero)), scale, zero)

    def dequantised(self, emitter: Emitter) -> Value:
        """The entries as they are."""
        return lookup.entries(emitter, self.of.image, self._table)

    @property
    def _table(self) -> Floats:
        return self.function((_BYTES - np.float32(self.of.zero)) * self.of.scale)


def _alike(emitter: Emitter, first: Value, second: Value) -> list[Value]:
    """Two images in one layout."""
    block = max(first.block, second.block)
    return [emitter.reblocked(image, block) for image in (first, second)]


def _rounded(numbers: Floats, zero: int) -> Bytes:
    """Halves to the even number, as in `byte_of`."""
    whole: Bytes = (np.rint(np.clip(numbers, -zero, 255 - zero)) + zero).astype(np.uint8)
    return whole


def looked_up(emitter: Emitter, source: Source, scale: np.float32, zero: int) -> Quantised:
    """The bytes that a table gives, and what they stand for."""
    return Quantised(lookup.entries(emitter, source.of.image, source.table), scale, zero, source)

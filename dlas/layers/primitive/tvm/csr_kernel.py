"""The sparse kernel: planes are filled, then each output channel is a sum of values times vectors of pixels."""

from dataclasses import dataclass
from typing import Any

from dlas.layers.primitive.tvm.buffers import UNPACK
from dlas.layers.primitive.tvm.csr_planes import Planes, widest
from dlas.tensorir.emitter import FUSABLE, Emitter, widened
from dlas.tensorir.layout import stored
from dlas.tensorir.machine import Machine
from dlas.tensorir.operators import Convolution
from dlas.tensorir.primfunc import argument, extents, primfunc

ANCHOR, FILL = "anchor", "fill"
SCHEDULE = "dlas.layers.primitive.tvm.csr_schedule.csr"
_IN_FLIGHT = 8  # sums that hide the latency of a multiply-add: 4 cycles, 2 a cycle


@dataclass(frozen=True)
class Tiles:
    """`count` tiles of `vectors` vectors, from a position on; the last tile of an image may be moved to its end."""

    first: int
    count: int
    vectors: int
    last: int  # position of the last vector

    @property
    def sets(self) -> int:
        """Sums kept for each vector, so that enough are in flight."""
        return max(1, _IN_FLIGHT // self.vectors)

    @property
    def sums(self) -> int:
        """Vectors of sums in registers; a smaller tile may have more."""
        return self.sets * self.vectors


def tiles(planes: Planes, registers: int) -> list[Tiles]:
    """Tiles of nearly equal size, as few as the registers allow."""
    most = planes.most or widest(registers)
    lanes, total = planes.vector, planes.vectors
    count = -(-total // most)
    small, larger = divmod(total, count)
    end = planes.positions - lanes if planes.in_place else (total - 1) * lanes
    sizes = [small + 1] * larger + [small] * (count - larger)
    groups, at = [], 0
    moved = end != (total - 1) * lanes
    for vectors in sorted(set(sizes), reverse=True):
        same = sizes.count(vectors) - (1 if moved and vectors == small else 0)
        if same:
            groups.append(Tiles(at, same, vectors, -1))
        at += same * vectors * lanes
    return [*groups, Tiles(at, 1, small, end)] if moved else groups


def csr(operator: Convolution, planes: Planes, entries: int, emitter: Emitter) -> Any:
    """PrimFunc of image, values, offsets, pointers and output (N, OC, OH, OW)."""
    from tvm.script.ir_builder import tirx

    with primfunc("csr", FUSABLE) as builder:
        image = argument("image", stored(operator.image, 1))
        constants = [
            argument("values", (entries,), emitter.storage),
            argument("offsets", (entries,), "int32"),
            argument("pointers", (len(operator.weights) + 1,), "int32"),
        ]
        out = argument("out", operator.output)
        batch, outputs = operator.output[:2]
        source = image if planes.in_place else _filled(operator, planes, image)
        width = planes.vectors * planes.vector
        sums = tirx.sblock_alloc_buffer(extents(batch, planes.slabs, outputs, width), scope="local")
        _multiply(operator, planes, emitter.machine, source, constants, sums)
        _unpack(operator, planes, sums, out)
    return builder.get()


# --- planes -------------------------------------------------------------------------------------------------------


def _filled(operator: Convolution, planes: Planes, image: Any) -> Any:
    """A copy of the image: padded, its phases apart."""
    from tvm.script.ir_builder import tirx

    batch, channels, _, _ = operator.image
    shape = extents(batch, planes.slabs, len(planes.views), channels, planes.size)
    copy = tirx.sblock_alloc_buffer(shape)
    views, size = len(planes.views), planes.size
    with tirx.grid(*extents(batch, planes.slabs, 1, channels, 1)) as (n, t, y, c, z), tirx.sblock(FILL):
        n, t, y, c, z = tirx.axis.remap("SSSSS", [n, t, y, c, z])
        tirx.reads(image[n, c, 0 : operator.image[2], 0 : operator.image[3]])
        tirx.writes(copy[n, t, y * views : y * views + views, c, z * size : z * size + size])
        for view in range(len(planes.views)):
            _fill_view(operator, planes, view, image, copy, (n, t, c))
    return copy


def _fill_view(operator: Convolution, planes: Planes, view: int, image: Any, copy: Any, at: Any) -> None:
    """The rows of one plane, above the image, of it, below it: bounds of loops instead of a test in each row."""
    from tvm.script.ir_builder import tirx

    n, t, c = at
    high, wide = operator.image[2:]
    (down, across), (top, left) = operator.strides, operator.padding[:2]
    first_row, first_column = planes.views[view]
    begin = min(planes.pitch, max(0, -((first_column - left) // across)))
    end = max(begin, min(planes.pitch, -((first_column - left - wide) // across)))
    first = t * (planes.height * down) + (first_row - top)  # row of the image for the plane's first
    # How many rows lie above the image, and how many until its last one is passed.
    above = tirx.max(0, tirx.min(planes.rows, tirx.floordiv(down - 1 - first, down)))
    until = tirx.max(above, tirx.min(planes.rows, tirx.floordiv(high + down - 1 - first, down)))

    def zeros(start: Any, count: int) -> None:
        if count > 0:
            with tirx.vectorized(*extents(count)) as q:
                tirx.buffer_store(copy, tirx.float32(0), [n, t, view, c, start + q])

    with tirx.serial(above) as r:
        zeros(r * planes.pitch, planes.pitch)
    with tirx.serial(until - above) as k:
        r = above + k
        zeros(r * planes.pitch, begin)
        if end > begin:
            with tirx.vectorized(*extents(end - begin)) as q:
                pixel = image[n, c, first + r * down, (q + begin) * across + (first_column - left)]
                tirx.buffer_store(copy, pixel, [n, t, view, c, r * planes.pitch + begin + q])
        zeros(r * planes.pitch + end, planes.pitch - end)
    with tirx.serial(planes.rows - until) as k:
        zeros((until + k) * planes.pitch, planes.pitch)
    zeros(planes.rows * planes.pitch, planes.size - planes.rows * planes.pitch)


# --- sums ---------------------------------------------------------------------------------------------------------


def _multiply(
    operator: Convolution, planes: Planes, machine: Machine, source: Any, constants: list[Any], sums: Any
) -> None:
    """One block for each slab and output channel: its row times the planes."""
    from tvm.script.ir_builder import tirx

    batch, outputs = operator.output[:2]
    values, offsets, pointers = constants
    width = planes.vectors * planes.vector
    groups = tiles(planes, machine.registers)
    most = max(group.sums for group in groups)
    with tirx.grid(*extents(batch, planes.slabs, outputs, 1)) as (n, t, o, z), tirx.sblock(ANCHOR):
        n, t, o, z = tirx.axis.remap("SSSS", [n, t, o, z])
        around = [n] if planes.in_place else [n, t]
        whole = [slice(0, int(extent)) for extent in source.shape[len(around) :]]
        entries = int(values.shape[0])
        tirx.reads(source[(*around, *whole)], values[0:entries], offsets[0:entries], pointers[o : o + 2])
        tirx.writes(sums[n, t, o, z * width : z * width + width])
        tirx.sblock_attr({"schedule": SCHEDULE, "height": planes.height, "lanes": machine.lanes, **planes.marks})
        row = _Row(values, offsets, pointers, source, around, o, planes.vector)
        accumulators = tirx.sblock_alloc_buffer(extents(most * planes.vector), scope="local")
        for group in groups:
            with tirx.serial(*extents(group.count)) as g:
                row.add(accumulators, group, group.first + g * group.vectors * planes.vector)
                row.store(accumulators, group, sums, [n, t, o], group.first + g * group.vectors * planes.vector)


@dataclass(frozen=True)
class _Row:
    """One row of the matrix times vectors of positions."""

    values: Any
    offsets: Any
    pointers: Any
    source: Any
    around: list[Any]  # image, and slab where there are some
    o: Any
    lanes: int

    def add(self, accumulators: Any, group: Tiles, position: Any) -> None:
        """Zero, then all entries of the row, `sets` at a time."""
        from tvm.script.ir_builder import tirx

        sets = group.sets
        for k in range(group.sums):
            self._put(accumulators, k, self._splat(tirx.float32(0)))
        first, end = (tirx.Cast("int64", self.pointers[self.o + k]) for k in range(2))
        with tirx.serial(tirx.floordiv(end - first, *extents(sets))) as j:
            for s in range(sets):
                self._entry(accumulators, group, position, first + j * sets + s, s)
        if sets > 1:
            with tirx.serial(tirx.floormod(end - first, *extents(sets))) as j:
                self._entry(accumulators, group, position, end - 1 - j, 0)
            for k in range(group.vectors):
                total = self._get(accumulators, k)
                for s in range(1, sets):
                    total = total + self._get(accumulators, s * group.vectors + k)
                self._put(accumulators, k, total)

    def store(self, accumulators: Any, group: Tiles, sums: Any, at: list[Any], position: Any) -> None:
        """Write the sums of a tile."""
        from tvm.script.ir_builder import tirx

        for k in range(group.vectors):
            place = self._place(group, k, position)
            tirx.buffer_store(sums, self._get(accumulators, k), [*at, self._ramp(place)])

    def _entry(self, accumulators: Any, group: Tiles, position: Any, j: Any, s: int) -> None:
        from tvm.script.ir_builder import tirx

        offset = tirx.Cast("int64", self.offsets[j])
        for k in range(group.vectors):
            place = self._place(group, k, position)
            inner = [0] * (len(self.source.shape) - len(self.around) - 1)  # the offset counts from the first plane
            pixels = self.source[(*self.around, *inner, self._ramp(offset + place))]
            at = s * group.vectors + k
            product = self._splat(widened(self.values[j])) * pixels
            self._put(accumulators, at, self._get(accumulators, at) + product)

    def _place(self, group: Tiles, k: int, position: Any) -> Any:
        moved = group.last >= 0 and k == group.vectors - 1
        return group.last if moved else position + k * self.lanes

    def _ramp(self, first: Any) -> Any:
        from tvm.script.ir_builder import tirx

        return tirx.ramp(first, 1, self.lanes) if self.lanes > 1 else first

    def _splat(self, value: Any) -> Any:
        from tvm.script.ir_builder import tirx

        return tirx.broadcast(value, self.lanes) if self.lanes > 1 else value

    def _get(self, accumulators: Any, k: int) -> Any:
        return accumulators[self._ramp(k * self.lanes)]

    def _put(self, accumulators: Any, k: int, value: Any) -> None:
        from tvm.script.ir_builder import tirx

        tirx.buffer_store(accumulators, value, [self._ramp(k * self.lanes)])


def _unpack(operator: Convolution, planes: Planes, sums: Any, out: Any) -> None:
    """Outputs from their positions; the schedule inlines it into whatever follows."""
    from tvm.script.ir_builder import tirx

    with tirx.grid(*extents(*operator.output)) as (n, o, h, w), tirx.sblock(UNPACK):
        n, o, h, w = tirx.axis.remap("SSSS", [n, o, h, w])
        slab, row = tirx.floordiv(h, *extents(planes.height)), tirx.floormod(h, *extents(planes.height))
        at = [n, slab, o, row * planes.pitch + w]
        tirx.reads(sums[tuple(at)])
        tirx.writes(out[n, o, h, w])
        tirx.buffer_store(out, sums[tuple(at)], [n, o, h, w])

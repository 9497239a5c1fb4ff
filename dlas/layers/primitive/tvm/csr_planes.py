"""Images as planes in which every weight of a convolution is one offset, whatever kernel, stride and dilation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from dlas.tensorir.choices import SITE, Parameters
from dlas.tensorir.machine import Machine
from dlas.tensorir.operators import Convolution

# How slow reading planes is, by their size in bytes: in the first cache (48 KiB), near it, far from it. Fitted to what
# every height of slabs took for 3x3 on 16 to 128 channels at 90 % (AMD Zen 5, AVX-512).
_FIRST, _NEAR = 48 << 10, 96 << 10
_READING = {_FIRST: 1.0, _NEAR: 1.1}
_FAR = 1.2
_ENTRY = 2  # vectors that an entry of a row costs beside those of its tile


@dataclass(frozen=True)
class Planes:
    """For each view and channel a plane of `rows` x `pitch` elements; the outputs of a slab lie at 0, 1, 2 ...

    A view is every `strides`-th row and column of the padded image, from a first row and column on. `height` rows of
    output are a slab. In place, the planes are those of the image itself.
    """

    views: tuple[tuple[int, int], ...]
    shifts: tuple[tuple[int, int, int], ...]  # by place in the kernel: view, row and column in its plane
    channels: int
    rows: int
    pitch: int
    height: int
    slabs: int
    wide: int  # columns of output
    lanes: int
    in_place: bool = False
    most: int = 0  # vectors of a tile at most; 0: as many as the registers allow
    site: int = -1  # see `tiles.Tile`

    @property
    def positions(self) -> int:
        """Elements of a plane from a slab's first output to its last."""
        return (self.height - 1) * self.pitch + self.wide

    @property
    def vector(self) -> int:
        """Lanes in use: fewer than the machine has for images smaller than a vector."""
        fitting = 1 << (self.positions - 1).bit_length()
        return min(self.lanes, fitting if fitting == self.positions or not self.in_place else fitting // 2)

    @property
    def vectors(self) -> int:
        """Vectors of a slab of one output channel."""
        return -(-self.positions // self.vector)

    @property
    def marks(self) -> dict[str, int]:
        """The site, where there is one."""
        return {SITE: self.site} if self.site >= 0 else {}

    @property
    def size(self) -> int:
        """Elements of a plane, with what the last vector reads beyond its outputs."""
        return self.rows * self.pitch + (0 if self.in_place else self.vectors * self.vector - self.positions)

    def offset(self, channel: int, place: int) -> int:
        """Where the element lies that the first output reads for a channel and a place in the kernel."""
        view, row, column = self.shifts[place]
        return (view * self.channels + channel) * self.size + row * self.pitch + column


Layout = Callable[[Convolution, Machine], Planes]


def whole(operator: Convolution, machine: Machine) -> Planes:
    """One slab: the whole image; the image itself where nothing must be padded or picked apart."""
    return _by_phase(operator, machine.lanes, operator.output[2])


def slabs(operator: Convolution, machine: Machine) -> Planes:
    """Slabs of rows: large enough for full tiles of vectors, small enough for the caches."""
    cost = partial(_cost, tile=widest(machine.registers))
    return min((slab(operator, machine.lanes, height) for height in heights(operator)), key=cost)


def heights(operator: Convolution) -> list[int]:
    """Rows that a slab may have, so that slabs are of nearly equal size."""
    high = operator.output[2]
    return sorted({-(-high // count) for count in range(1, high + 1)})


def slab(operator: Convolution, lanes: int, height: int) -> Planes:
    """Slabs of so many rows."""
    return _by_phase(operator, lanes, height)


def variants(operator: Convolution, planes: Planes, layout: Layout, registers: int) -> list[Parameters]:
    """Heights of slabs, where a layout has some, and vectors of a tile, each number of tiles once; not the default."""
    found: list[Parameters] = []
    for height in heights(operator) if layout is slabs else [planes.height]:
        vectors = planes.vectors if height == planes.height else slab(operator, planes.lanes, height).vectors
        sizes = {-(-vectors // most): most for most in range(registers - _LEAST_FREE, 0, -1) if most <= vectors}
        if height == planes.height:
            del sizes[-(-vectors // widest(registers))]
        found += [{"height": height, "most": most} for most in sizes.values()]
    return found


def picked(operator: Convolution, planes: Planes, taken: Parameters) -> Planes:
    """The planes with other slabs and tiles: one of the variants."""
    if taken["height"] != planes.height:
        planes = slab(operator, planes.lanes, taken["height"])
    return replace(planes, most=taken["most"])


_LEAST_FREE = 2  # registers that a tile leaves, for a value and a vector of pixels


def widest(registers: int) -> int:
    """Vectors of a tile where nothing else was chosen: pixels that follow each other are read fastest."""
    return registers - _KEPT


_KEPT = 4  # registers for the value and for pixels that the compiler loads before they are needed


def _cost(planes: Planes, tile: int) -> float:
    """Of one row of weights, in vectors."""
    size = 4 * planes.size * planes.channels * len(planes.views)
    reading = next((cost for limit, cost in _READING.items() if size <= limit), _FAR)
    return planes.slabs * (planes.vectors + _ENTRY * -(-planes.vectors // tile)) * reading


def patches(operator: Convolution, machine: Machine) -> Planes:
    """im2col: a plane for each place in the kernel, its elements in the order of the output's pixels."""
    if operator.pointwise:
        return whole(operator, machine)
    _, _, high, wide = operator.output
    views = tuple(_places(operator))
    shifts = tuple((view, 0, 0) for view in range(len(views)))
    return Planes(views, shifts, operator.image[1], high, wide, high, 1, wide, machine.lanes)


def _by_phase(operator: Convolution, lanes: int, height: int) -> Planes:
    """Views by the phase of the stride: within one, the next output reads the next element."""
    _, _, high, wide = operator.output
    down, across = operator.strides
    reached = [(i % down, j % across, i // down, j // across) for i, j in _places(operator)]
    views = sorted({(a, b) for a, b, _, _ in reached})
    shifts = tuple((views.index((a, b)), row, column) for a, b, row, column in reached)
    rows = height + max(row for _, row, _ in shifts)
    pitch = wide + max(column for _, _, column in shifts)
    in_place = height == high and operator.strides == (1, 1) and not any(operator.padding)
    if in_place:
        rows, pitch = operator.image[2:]
    slab_count = -(-high // height)
    return Planes(tuple(views), shifts, operator.image[1], rows, pitch, height, slab_count, wide, lanes, in_place)


def _places(operator: Convolution) -> list[tuple[int, int]]:
    """Row and column in the padded image that the first output reads for each place in the kernel."""
    high, wide = operator.kernel
    far, apart = operator.dilation
    return [(i * far, j * apart) for i in range(high) for j in range(wide)]

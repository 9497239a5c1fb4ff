"""Which register tile an operator gets."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from dlas.layers.primitive.tvm import variants
from dlas.tensorir.choices import Parameters
from dlas.tensorir.emitter import Emitter
from dlas.tensorir.layout import blocks
from dlas.tensorir.machine import Machine
from dlas.tensorir.operators import Convolution


@dataclass(frozen=True)
class Tile:
    """Accumulators in registers: output rows x columns x vectors of channels; `unroll` input channels at a time."""

    rows: int
    columns: int
    blocks: int
    unroll: int = 1
    group: int = 1  # channel tiles whose weights stay in the second cache
    panel: int = 1  # pixels whose patches do
    part: int = 0  # input channels whose weights stay in the first cache; 0: a reduction is not cut
    site: int = -1  # where it was chosen by number; kernels of a network that is not being tuned carry none

    @property
    def attrs(self) -> dict[str, int]:
        """As a kernel carries it to its schedule."""
        return {name: value for name, value in asdict(self).items() if value >= 0}

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}x{self.blocks}"


FIXED = Tile(1, 4, 1)  # `schedule=fixed`: one tile for all shapes


Read = Callable[[Tile], Tile]  # a tile as a schedule reads it: two that it reads the same are one


def chosen(emitter: Emitter, operator: Convolution, outer: int, read: Read) -> Tile:
    """The tile of a dense convolution whose output has so many vectors of channels."""
    if emitter.schedule == "fixed":
        return read(FIXED)
    default = for_convolution(operator, outer, emitter.machine)
    group_of = partial(_group, operator, outer, emitter.machine.lanes)
    others = partial(variants.of_convolution, default.attrs, operator, outer, emitter.machine.registers, group_of)
    return _picked(emitter, default, others, read)


def chosen_depthwise(emitter: Emitter, operator: Convolution, read: Read, itemsize: int = 4) -> Tile:
    """The tile of a depthwise convolution of pixels of so many bytes."""
    if emitter.schedule == "fixed":
        return read(FIXED)
    default = for_depthwise(operator, emitter.machine, itemsize)
    others = partial(variants.of_depthwise, default.attrs, operator.output, emitter.machine.registers)
    return _picked(emitter, default, others, read)


def _picked(emitter: Emitter, default: Tile, others: Callable[[], Sequence[Parameters]], read: Read) -> Tile:
    def different() -> Sequence[Parameters]:
        return [read(Tile(**other)).attrs for other in others()]

    return Tile(**emitter.choices.pick(read(default).attrs, different))


def whole(tile: Tile) -> Tile:
    """Where all of a tile is read."""
    return tile


def packed(operator: Convolution) -> Read:
    """Where kernel rows and columns are unrolled instead of input channels, unless there is but one of each."""
    unroll = _unrolled(operator)
    return whole if operator.kernel == (1, 1) else lambda tile: replace(tile, unroll=unroll)


def without_bands(operator: Convolution, machine: Machine) -> Read:
    """Where the rows of a depthwise convolution follow each other whatever its tile."""
    rows = for_depthwise(operator, machine).rows
    return lambda tile: replace(tile, rows=rows)


def product(operator: Convolution) -> Read:
    """Where patches are multiplied: a tile has one row of pixels; a panel of patches stays in the second cache."""
    patch = 4 * operator.image[1] * operator.kernel[0] * operator.kernel[1]
    pixels = operator.output[2] * operator.output[3]

    def read(tile: Tile) -> Tile:
        columns = min(pixels, tile.rows * tile.columns)
        panel = pixels if operator.pointwise else max(1, _PANEL // patch // columns) * columns
        return replace(tile, rows=1, columns=columns, panel=min(panel, pixels))

    return read


_PANEL = 128 << 10  # bytes of patches


def for_convolution(operator: Convolution, outer: int, machine: Machine) -> Tile:
    """Rows and columns of pixels and channel blocks that keep enough products in flight."""
    few = machine.registers <= _FEW
    rows, columns, taken = (_of_twelve if few else _wide)(operator, outer, machine)
    group = _group(operator, outer, machine.lanes, taken)
    part = _part(operator, _weights(operator, machine.lanes, taken))
    return Tile(rows, columns, taken, _unrolled(operator), group, part=part)


_FEW = 16  # registers, which hold twelve sums beside weights and a pixel
_TWELVE = ((4, 1, 3), (2, 3, 2), (2, 2, 3))  # rows, columns, blocks; 1 x 4 x 3 and 1 x 6 x 2 were slower
Shape = tuple[int, int, int]


def _of_twelve(operator: Convolution, outer: int, machine: Machine) -> Shape:
    """A tile of twelve sums, or that of `_wide` where it wastes less of its last tiles."""
    batch, _, high, wide = operator.output
    fitting = [
        (rows, columns, taken)
        for rows, columns, taken in _TWELVE
        if high % rows == 0 and columns <= wide and taken <= outer
        # A tile may be cut at one side only; of several images, whose loop is one with that over blocks, at columns.
        if outer % taken == 0 or (batch == 1 and wide % columns == 0)
    ]
    return min([*fitting, _wide(operator, outer, machine)], key=lambda shape: _sums(wide, outer, shape))


def _sums(wide: int, outer: int, shape: Shape) -> float:
    """What a row of all blocks costs in sums: a tile has as many as hide the latency at least, and its beginning."""
    rows, columns, taken = shape
    tiles = ((rows * c * o, m * n) for c, m in _cut(wide, columns) for o, n in _cut(outer, taken))
    return sum(count * (max(sums, _IN_FLIGHT) + _BEGINNING) for sums, count in tiles) / rows


def _cut(total: int, size: int) -> list[tuple[int, int]]:
    """Sizes of the pieces of a side, and how many there are of each."""
    return [(size, total // size), (total % size, 1 if total % size else 0)]


_BEGINNING = 1.6  # sums that a tile costs beside its own: 8 ran at 52 Gmac/s, 12 at 57


def _wide(operator: Convolution, outer: int, machine: Machine) -> tuple[int, int, int]:
    """Two channel blocks where they divide, then the columns that cost least, then rows while there are registers.

    Rows divide the image: a tile may be cut at one side only.
    """
    high, wide = operator.output[2:]
    most = machine.registers * 5 // 8
    taken = next(b for b in (2, 3, 1) if outer % b == 0)
    columns = min(range(1, min(wide, most // taken) + 1), key=lambda c: _cost(wide, c, taken))
    rows = max(r for r in range(1, high + 1) if high % r == 0 and (r == 1 or r * columns * taken <= most))
    return rows, columns, taken


def _group(operator: Convolution, outer: int, lanes: int, taken: int) -> int:
    """Tiles of so many channel blocks whose weights fit the second cache together."""
    weights, tiles = _weights(operator, lanes, taken), blocks(outer, taken)
    return max(g for g in range(1, tiles + 1) if tiles % g == 0 and (g == 1 or g * weights <= _SECOND_CACHE))


def _weights(operator: Convolution, lanes: int, taken: int) -> int:
    """Bytes of the weights of a tile of so many channel blocks."""
    return 4 * int(operator.weights[0].size) * taken * lanes


def _cost(wide: int, columns: int, taken: int) -> float:
    """Of a row in columns: fewer sums than hide the latency of a multiply-add take as long as those, tiles a little."""
    tiles, last = divmod(wide, columns)
    least = _IN_FLIGHT / taken
    return tiles * (max(columns, least) + _TILE) + (max(last, least) + _TILE if last else 0)


_IN_FLIGHT = 8  # 4 cycles, 2 a cycle
_TILE = 0.5  # columns that a tile costs beside its own
_SECOND_CACHE = 256 << 10  # bytes of it that weights may take


def _part(operator: Convolution, weights: int) -> int:
    """Channels of a part, where the weights of a tile are so many bytes and there are pixels to use a part for.

    None where those of one channel are too many: parts of one kernel each would not stay near either.
    """
    channels = operator.weights.shape[1]
    if operator.groups > 1 or weights <= _DEEP or operator.output[2] == 1:
        return 0
    parts = (p for p in range(1, channels + 1) if channels % p == 0 and p * weights <= _PART * channels)
    return max(parts, default=0)


_DEEP = 128 << 10  # bytes of weights that the second cache gives quickly enough
_PART = 40 << 10  # bytes of them that stay near, a little more than the first cache


def _unrolled(operator: Convolution) -> int:
    """Input channels whose products follow each other without a jump."""
    channels = operator.weights.shape[1]
    return next(u for u in (8, 4, 2, 3, 1) if channels % u == 0)


_BAND = 16 << 10  # bytes of a padded band of rows: half of the smallest first cache


def for_depthwise(operator: Convolution, machine: Machine, itemsize: int = 4) -> Tile:
    """Columns for half the registers; as many rows as one band of padded input has."""
    _, _, high, wide = operator.output
    row = itemsize * machine.lanes * operator.bordered[1]
    reach = operator.dilation[0] * (operator.kernel[0] - 1) + 1
    rows = max(1, (_BAND // row - reach) // operator.strides[0] + 1)
    return Tile(min(high, rows), min(wide, machine.registers // 2), 1)

"""Which register tile an operator gets."""

from dataclasses import asdict, dataclass, replace
from functools import partial

from dlas.layers.primitive.tvm import variants
from dlas.tensorir.emitter import Emitter
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
    site: int = -1  # where it was chosen by number; kernels of a network that is not being tuned carry none

    @property
    def attrs(self) -> dict[str, int]:
        """As a kernel carries it to its schedule."""
        return {name: value for name, value in asdict(self).items() if value >= 0}

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}x{self.blocks}"


FIXED = Tile(1, 4, 1)  # `schedule=fixed`: one tile for all shapes


def chosen(emitter: Emitter, operator: Convolution, outer: int) -> Tile:
    """The tile of a dense convolution whose output has so many vectors of channels."""
    if emitter.schedule == "fixed":
        return FIXED
    default = for_convolution(operator, outer, emitter.machine)
    group_of = partial(_group, operator, outer, emitter.machine.lanes)
    others = partial(variants.of_convolution, default.attrs, operator, outer, emitter.machine.registers, group_of)
    return Tile(**emitter.choices.pick(default.attrs, others))


def chosen_depthwise(emitter: Emitter, operator: Convolution) -> Tile:
    """The tile of a depthwise convolution."""
    if emitter.schedule == "fixed":
        return FIXED
    default = for_depthwise(operator, emitter.machine)
    others = partial(variants.of_depthwise, default.attrs, operator.output, emitter.machine.registers)
    return Tile(**emitter.choices.pick(default.attrs, others))


def for_product(emitter: Emitter, operator: Convolution, outer: int) -> Tile:
    """The tile of a product of patches; a panel of them stays in the second cache."""
    tile = chosen(emitter, operator, outer)
    patch = 4 * operator.image[1] * operator.kernel[0] * operator.kernel[1]
    pixels = operator.output[2] * operator.output[3]
    columns = min(pixels, tile.rows * tile.columns)
    panel = pixels if operator.pointwise else max(1, _PANEL // patch // columns) * columns
    return replace(tile, rows=1, columns=columns, panel=min(panel, pixels))


_PANEL = 128 << 10  # bytes of patches


def for_convolution(operator: Convolution, outer: int, machine: Machine) -> Tile:
    """Two channel blocks where they divide, then as many columns as the accumulators allow."""
    high, wide = operator.output[2:]
    count = machine.registers // 2
    taken = next(b for b in (2, 3, 1) if outer % b == 0)
    columns = min(wide, count // taken)
    rows = max(1, min(high, count // taken // columns))
    return Tile(rows, columns, taken, _unrolled(operator), _group(operator, outer, machine.lanes, taken))


def _group(operator: Convolution, outer: int, lanes: int, taken: int) -> int:
    """Tiles of so many channel blocks whose weights fit the second cache together."""
    weights = 4 * operator.weights[0].size * taken * lanes
    tiles = outer // taken
    return max(g for g in range(1, tiles + 1) if tiles % g == 0 and (g == 1 or g * weights <= _SECOND_CACHE))


_SECOND_CACHE = 256 << 10  # bytes of it that weights may take


def _unrolled(operator: Convolution) -> int:
    """Input channels whose products follow each other without a jump; loops over a window are long enough as it is."""
    if operator.kernel != (1, 1):
        return 1
    channels = operator.weights.shape[1]
    return next(u for u in (4, 2, 3, 1) if channels % u == 0)


_BAND = 16 << 10  # bytes of a padded band of rows: half of the smallest first cache


def for_depthwise(operator: Convolution, machine: Machine) -> Tile:
    """Columns for half the registers; as many rows as one band of padded input has."""
    _, _, high, wide = operator.output
    row = 4 * machine.lanes * (operator.image[3] + operator.padding[1] + operator.padding[3])
    reach = operator.dilation[0] * (operator.kernel[0] - 1) + 1
    rows = max(1, (_BAND // row - reach) // operator.strides[0] + 1)
    return Tile(min(high, rows), min(wide, machine.registers // 2), 1)

"""Which register tiles a search may try beside that of the rules; each is legal for its operator."""

from collections.abc import Callable
from itertools import product

from dlas.tensorir.choices import Parameters
from dlas.tensorir.operators import Convolution

_BLOCKS = 4  # more streams of weights than these lose
_ROWS = 7
_UNROLLED = (1, 2, 4)
_KEPT = 2  # registers for a weight and a pixel
_FEWEST = 4  # of the registers that accumulators must take, one in so many


def of_convolution(
    default: Parameters, operator: Convolution, outer: int, registers: int, group_of: Callable[[int], int]
) -> list[Parameters]:
    """Rows x columns x blocks that fill the registers well; some input channels unrolled."""
    high, wide = operator.output[2:]
    channels = operator.weights.shape[1]
    least = min(registers // _FEWEST, high * wide)
    blocks = [b for b in range(1, _BLOCKS + 1) if outer % b == 0]
    unrolls = [u for u in _UNROLLED if channels % u == 0]
    shapes = product(range(1, min(high, _ROWS) + 1), range(1, min(wide, registers) + 1), blocks, unrolls)
    return [
        {**default, "rows": rows, "columns": columns, "blocks": taken, "unroll": unroll, "group": group_of(taken)}
        for rows, columns, taken, unroll in shapes
        if least <= rows * columns * taken <= registers - _KEPT
    ]


def of_depthwise(default: Parameters, output: tuple[int, int, int, int], registers: int) -> list[Parameters]:
    """Columns of a tile, and rows of a padded band."""
    _, _, high, wide = output
    bands = sorted({min(high, 1 << power) for power in range(high.bit_length() + 1)})
    columns = range(1, min(wide, registers - _KEPT) + 1)
    return [{**default, "rows": rows, "columns": taken} for rows, taken in product(bands, columns)]

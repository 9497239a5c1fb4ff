"""Numbers as people read them: with unit and interval, never more digits than the interval allows."""

import math
from decimal import Decimal

TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


def with_interval(value: float, low: float, high: float) -> str:
    """`98.9 [97.7, 99.5]`, with the decimals that the interval allows; empty for NaN."""
    if math.isnan(value):
        return ""
    decimals = decimals_for((high - low) / 2)
    return f"{value:.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"


def decimals_for(half: float) -> int:
    """Decimals for a half-interval: two of its digits if the first is 1 or 2, else one."""
    if not half > 0 or not math.isfinite(half):
        return 2
    exact = Decimal(repr(float(half)))
    digits = 2 if exact.as_tuple().digits[0] < 3 else 1
    return min(9, max(0, digits - 1 - exact.adjusted()))


def quantity(value: float, low: float, high: float, *, units: tuple[tuple[float, str], ...]) -> str:
    """A quantity with its interval in the unit that suits its size; empty for NaN."""
    if math.isnan(value):
        return ""
    scale, unit = next(((s, u) for s, u in units if float(f"{abs(value):.3g}") >= s), units[-1])
    if low == high:
        return f"{value / scale:.3g} {unit}"
    return f"{with_interval(value / scale, low / scale, high / scale)} {unit}"

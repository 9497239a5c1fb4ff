"""What a ratio with its interval comes to in words, over many comparisons at once."""

import math
from collections.abc import Sequence

from dlas.measure.statistics import Interval, StudentInterval, critical, tail

FALSE_DISCOVERIES = 0.05  # of those called faster or slower
DIFFERENT = ("faster", "slower")


def p_value(log_ratio: Interval) -> float:
    """Two-sided probability of a ratio at least this far from one, as its 95 % interval and what made it imply."""
    half = (log_ratio.high - log_ratio.low) / 2
    if half == 0:
        return 1.0 if log_ratio.value == 0 else 0.0
    freedom = log_ratio.freedom if isinstance(log_ratio, StudentInterval) else math.inf
    return 2 * tail(abs(log_ratio.value) / half * critical(freedom), freedom)


def discoveries(p_values: Sequence[float]) -> list[bool]:
    """Which differences stand at a false discovery rate of 5 % (Benjamini and Hochberg, 1995)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    passed = [rank for rank, i in enumerate(order, 1) if p_values[i] <= FALSE_DISCOVERIES * rank / len(p_values)]
    last = max(passed, default=0)
    standing = set(order[:last])
    return [i in standing for i in range(len(p_values))]


def verdicts(log_ratios: Sequence[Interval], margin: float) -> list[str]:
    """`faster`, `slower`, `the same within x %` or `inconclusive` for each latency ratio of a family.

    The same within x % means that no difference stands and the interval reaches no further than the margin asked for.
    """
    standing = discoveries([p_value(ratio) for ratio in log_ratios])
    return [_verdict(ratio, stands, margin) for ratio, stands in zip(log_ratios, standing, strict=True)]


def _verdict(ratio: Interval, stands: bool, margin: float) -> str:
    if stands:
        return DIFFERENT[ratio.value > 0]
    reach = max(math.exp(ratio.high) - 1, 1 - math.exp(ratio.low))
    if reach <= margin:
        return f"the same within {math.ceil(reach * 1000) / 10:g} %"
    return "inconclusive"

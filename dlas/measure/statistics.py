"""Estimates and intervals: of ratios and latencies over fresh processes, of proportions, of their differences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 400
PRIOR_WEIGHT = 4  # degrees of freedom that the block's other cells lend to a cell's own spread

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def exp(self) -> "Interval":
        """The same on the scale that this one is the logarithm of."""
        return Interval(math.exp(self.value), math.exp(self.low), math.exp(self.high))

    def log(self) -> "Interval":
        """The logarithm of a positive one."""
        return Interval(math.log(self.value), math.log(self.low), math.log(self.high))


@dataclass(frozen=True)
class StudentInterval(Interval):
    """An interval that a quantile of Student's t made, with so many degrees of freedom: its tails are heavier."""

    freedom: float


@dataclass(frozen=True)
class Spread:
    """Variance between processes, and the degrees of freedom it was estimated with."""

    variance: float
    freedom: float


# One process with nobody to borrow from: what was seen between processes on quiet machines.
ALONE = Spread(0.005**2, 4)


def half_interval(logs: Floats, seed: int = 0) -> float:
    """Half the 95 % bootstrap interval of the median over rounds; infinite for fewer than four rounds."""
    if len(logs) < 4:
        return math.inf
    medians = _resampled_medians(logs, seed)
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(high - low) / 2


def _resampled_medians(logs: Floats, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(logs), (RESAMPLES, len(logs)))
    medians: Floats = np.median(logs[drawn], axis=1)
    return medians


def spread_between(cells: Sequence[Sequence[Floats]]) -> Spread:
    """Pooled variance between the processes' medians over the cells of a block, sampling noise included."""
    groups = [[float(np.median(logs)) for logs in processes] for processes in cells if len(processes) > 1]
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum(float(np.var(group)) * len(group) for group in groups)
    return Spread(squares / freedom if freedom else 0.0, freedom)


def over_processes(processes: Sequence[Floats], lent: Spread, seed: int = 0) -> StudentInterval:
    """Mean of the processes' medians with its interval; one array of logs over rounds for each process.

    The variance between processes is the cell's own, moderated by what the other cells show, as in Smyth (2004),
    doi 10.2202/1544-6115.1027, with a fixed prior weight; `lent` is pooled over all of them, this one included.
    The interval is never narrower than what the bootstrap over rounds shows within the processes.
    """
    medians = np.array([float(np.median(logs)) for logs in processes])
    count = len(medians)
    within = float(np.mean([np.var(_resampled_medians(logs, seed)) for logs in processes]))
    between = _moderated(medians, lent)
    half = max(
        critical(between.freedom) * math.sqrt(between.variance / count),
        critical(math.inf) * math.sqrt(within / count),
    )
    centre = float(medians.mean())
    return StudentInterval(centre, centre - half, centre + half, between.freedom)


def _moderated(medians: Floats, lent: Spread) -> Spread:
    """The variance between a cell's processes, moderated by what its block lends; the cell's own share taken out."""
    own = len(medians) - 1
    squares = float(np.var(medians)) * len(medians)
    others = lent.freedom - own
    if own + max(0.0, others) == 0:
        return ALONE
    prior = max(0.0, lent.variance * lent.freedom - squares) / others if others > 0 else 0.0
    weight = min(PRIOR_WEIGHT, max(0.0, others))
    return Spread((squares + weight * prior) / (own + weight), own + weight)


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution."""
    return NormalDist().inv_cdf(probability)


def critical(freedom: float, level: float = (1 + CONFIDENCE) / 2) -> float:
    """Student's t at a level; the normal quantile for infinite degrees of freedom."""
    if math.isinf(freedom):
        return normal_quantile(level)
    from scipy.special import stdtrit  # slow to import, and planning does not need it

    return float(stdtrit(freedom, level))


def tail(t: float, freedom: float) -> float:
    """Probability that Student's t exceeds this; that the normal does for infinite degrees of freedom."""
    if math.isinf(freedom):
        return math.erfc(t / math.sqrt(2)) / 2
    from scipy.special import stdtr

    return float(stdtr(freedom, -t))


def wilson(right: int, total: int) -> Interval:
    """A proportion with its Wilson (1927) score interval."""
    z = critical(math.inf)
    p = right / total
    centre = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    return Interval(p, max(0.0, centre - half), min(1.0, centre + half))


def paired_difference(both: int, first: int, second: int, neither: int) -> Interval:
    """Difference of two paired proportions (first minus second), interval after Newcombe (1998), method 10.

    `both` counts images that both classify rightly, `first` those that only the first does, and so on.
    """
    total = both + first + second + neither
    p, q = wilson(both + first, total), wilson(both + second, total)
    difference = p.value - q.value
    phi = _correlation(both, first, second, neither)
    below, above = p.value - p.low, p.high - p.value
    below_q, above_q = q.value - q.low, q.high - q.value
    low = difference - math.sqrt(max(0.0, below**2 - 2 * phi * below * above_q + above_q**2))
    high = difference + math.sqrt(max(0.0, above**2 - 2 * phi * above * below_q + below_q**2))
    return Interval(difference, low, high)


def independent_difference(first: Interval, second: Interval) -> Interval:
    """First minus second of two proportions that share no draws, from the interval of each.

    After Newcombe (1998), Statist. Med. 17:873, method 10 (where both are Wilson's).
    """
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Interval(value, value - below, value + above)


def _correlation(a: int, b: int, c: int, d: int) -> float:
    """Phi coefficient of the 2x2 table, with Newcombe's continuity correction for a positive one."""
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        return 0.0
    product = a * d - b * c
    if product > 0:
        product = max(0, product - (a + b + c + d) / 2)  # type: ignore[assignment]
    return float(product / math.sqrt(margins))

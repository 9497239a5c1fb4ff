"""How a child warms up, and how many inferences make one repetition: found once, then frozen."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from dlas.measure.clocks import Clock, Repetition, repeat

REPETITION = 400e-6  # s; long against the clocks' 2 µs, short enough to escape most context switches
STEP = 8e-3  # s of repetitions in one step
MOST_REPETITIONS = 16
DISCARDED = 1.6e-3  # s at the start of a step; other children have emptied the caches meanwhile
WARM_UP = 0.15  # s at least
MOST_WARM_UP = 3.0  # s; a runtime that has not settled by then is measured as it is
STABLE = 0.02  # relative change of the median between two windows
WINDOW = 5


@dataclass(frozen=True)
class Pace:
    """Inferences in a repetition, repetitions in a step, and how many of them at its start are thrown away."""

    inner: int
    repetitions: int
    discarded: int


def warm_up(work: Callable[[], None], clock: Clock) -> float:
    """Run until time enough has passed and the median no longer moves; returns seconds of one inference."""
    start = clock.wall()
    inner = 1
    before = float("nan")
    while True:
        window = [repeat(work, inner, clock) for _ in range(WINDOW)]
        now = median(r.wall for r in window) / inner
        elapsed = (clock.wall() - start) * 1e-9
        settled = abs(now - before) <= STABLE * before
        if elapsed >= MOST_WARM_UP or (elapsed >= WARM_UP and settled):
            return now * 1e-9
        before = now
        inner = max(1, int(REPETITION / max(now * 1e-9, 1e-9)))


def calibrate(seconds: float) -> Pace:
    """The pace for an inference of so many seconds."""
    inner = max(1, round(REPETITION / seconds))
    repetition = inner * seconds
    repetitions = min(MOST_REPETITIONS, max(1, round(STEP / repetition)))
    return Pace(inner, repetitions, discarded=max(1, math.ceil(DISCARDED / repetition)))


def step(work: Callable[[], None], advance: Callable[[], None], pace: Pace, clock: Clock) -> list[Repetition]:
    """One step: throw the first repetitions away, time the others; `advance` brings the next input, untimed."""
    for _ in range(pace.discarded):
        repeat(work, pace.inner, clock)
    timed = []
    for _ in range(pace.repetitions):
        advance()
        timed.append(repeat(work, pace.inner, clock))
    return timed

"""How a child warms up, and how many inferences make one repetition: found once, then frozen."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from dlas.measure.clocks import Clock, Repetition, repeat

REPETITION = 400e-6  # s; long against the clocks' 2 µs, short enough to escape most context switches
# s of repetitions in one step. A shared core's speed wanders within tens of milliseconds, so what is to be compared
# must lie close together: short steps, many rounds.
STEP = 2e-3
# s of computing at the start of a step. The other children have emptied the caches meanwhile: a network of 0.4 ms whose
# weights do not fit in a core's own cache took 2.5 times as long at first, and came within 2 % after 4 ms.
DISCARDED = 4e-3
# s of one inference from which on none is discarded: it fills the caches itself (no first one of 17 ms or of 100 ms
# was slower than the next), and a discarded one would cost half of all time.
LONG = 16e-3
LONGEST_DISCARD = 8e-3  # s of wall time, for work that computes elsewhere than on this clock
WARM_UP = 0.15  # s at least
MOST_WARM_UP = 3.0  # s; a runtime that has not settled by then is measured as it is
STABLE = 0.02  # relative change of the median between two windows
WINDOW = 5


@dataclass(frozen=True)
class Pace:
    """Inferences in a repetition, repetitions in a step, and seconds of computing before they are timed."""

    inner: int
    repetitions: int
    discarded: float


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
    return Pace(inner, max(1, round(STEP / (inner * seconds))), discarded=DISCARDED if seconds < LONG else 0.0)


def discard(work: Callable[[], None], pace: Pace, clock: Clock) -> None:
    """Run until the caches are warm again: by time, so that equal work is equally warm whatever was calibrated."""
    start = clock.wall()
    computed = 0
    while computed < pace.discarded * 1e9 and clock.wall() - start < LONGEST_DISCARD * 1e9:
        computed += repeat(work, pace.inner, clock).cpu


def step(work: Callable[[], None], advance: Callable[[], None], pace: Pace, clock: Clock) -> list[Repetition]:
    """One step: throw the first repetitions away, time the others; `advance` brings the next input, untimed."""
    discard(work, pace, clock)
    timed = []
    for _ in range(pace.repetitions):
        advance()
        timed.append(repeat(work, pace.inner, clock))
    return timed

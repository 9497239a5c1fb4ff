"""Warnings that teach: what makes a cell's figures less than they could be, and what to do about it."""

import re
from collections.abc import Sequence

import numpy as np

from dlas.measure.samples import CLEAN_SHARE, Samples, drift
from dlas.measure.statistics import Interval
from dlas.study.journal import RunRow

SPREAD = 0.2  # interquartile range over the median, of the repetitions that count
DRIFT = 0.05  # of the reference kernel, its slowest over its fastest third of a process
FIRST = 0.05  # the first rounds slower than the rest by
BETWEEN = 0.05  # between fresh processes
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ONLY = "only "  # begins a sentence that is the worse the smaller its number


def warnings(runs: Sequence[RunRow], kernel: Sequence[RunRow], relative: Interval | None, margin: float) -> list[str]:
    """Sentences about a cell's runs; `kernel` are those of the reference kernel in the same processes."""
    checks = (_margin(relative, margin), _clean(runs), _spread(runs), _between(runs), _first(runs))
    return [sentence for sentence in (*checks, _drift(kernel), _throttled(runs)) if sentence]


def kind(sentence: str) -> str:
    """What a warning is about, whatever its numbers."""
    return _NUMBER.sub("", sentence)


def severity(sentence: str) -> float:
    """How bad a warning is among those of its kind: the larger, the worse."""
    worst = max(map(float, _NUMBER.findall(sentence)), default=0.0)
    return -worst if sentence.startswith(_ONLY) else worst


def _margin(relative: Interval | None, margin: float) -> str:
    if relative is None:
        return ""
    half = (relative.high - relative.low) / 2 / relative.value
    return f"margin not reached: ±{half:.1%} instead of ±{margin:.1%}; raise --budget" if half > margin else ""


def _clean(runs: Sequence[RunRow]) -> str:
    share = float(np.concatenate([run.samples.clean for run in runs]).mean())
    if share >= CLEAN_SHARE:
        return ""
    return f"{_ONLY}{share:.0%} of the repetitions ran undisturbed: other programs are busy, end them"


def _spread(runs: Sequence[RunRow]) -> str:
    spreads = []
    for run in runs:
        low, middle, high = np.quantile(_counted(run.samples), [0.25, 0.5, 0.75])
        spreads.append((high - low) / middle)
    spread = float(np.median(spreads))
    return (
        f"unstable: half of the repetitions lie outside a range of {spread:.0%}; see `dlas doctor`"
        if spread > SPREAD
        else ""
    )


def _counted(samples: Samples) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return samples.cpu[samples.clean] if samples.enough_clean else samples.cpu


def _between(runs: Sequence[RunRow]) -> str:
    medians = [float(np.median(_counted(run.samples))) for run in runs]
    gap = max(medians) / min(medians) - 1
    return f"fresh processes differ by {gap:.0%}: `dlas remeasure` adds more of them" if gap > BETWEEN else ""


def _first(runs: Sequence[RunRow]) -> str:
    gaps = []
    for run in runs:
        early = run.samples.rounds < max(1, run.samples.rounds.max() // 4)
        if early.any() and not early.all():
            gaps.append(float(np.median(run.samples.cpu[early]) / np.median(run.samples.cpu[~early])) - 1)
    gap = float(np.median(gaps)) if gaps else 0.0
    return (
        f"the first rounds took {gap:.0%} longer: this runtime warms up slowly, raise --budget" if gap > FIRST else ""
    )


def _drift(kernel: Sequence[RunRow]) -> str:
    drifted = drift([run.samples for run in kernel]) if kernel else 0.0
    return f"the processor's speed drifted by {drifted:.0%} meanwhile: fix its frequency" if drifted > DRIFT else ""


def _throttled(runs: Sequence[RunRow]) -> str:
    times = sum(run.facts.get("throttled", 0) for run in runs)
    return f"the container's quota stopped this {times} times: give it more processor time" if times else ""

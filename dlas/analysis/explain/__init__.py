"""Why one stack is faster or slower than another, from the profiles of both."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dlas.analysis.explain.causes import CAUSES
from dlas.analysis.explain.rows import OUTSIDE, Row, rows
from dlas.analysis.explain.words import many, share, signed, time
from dlas.measure.profile import Profile
from dlas.measure.statistics import normal_quantile

SAME = 0.05  # change of a row, relative, within which it is said not to have changed
LITTLE = 0.02  # of the whole; what changed less is not named
NAMED = 3  # rows or kinds in a sentence
_Z = normal_quantile(0.975)


@dataclass(frozen=True)
class Explanation:
    """Two profiles, their rows, and what they show in words."""

    before: Profile
    after: Profile
    rows: tuple[Row, ...]
    sentences: tuple[str, ...]


def explain(before: Profile, after: Profile) -> Explanation:
    """Match the operators of two profiles and say what changed, what did not, and why as far as they show it."""
    found = rows(before, after)
    said = [
        _whole(before, after),
        *_changed(before, found),
        *_unchanged(before, found),
        *(sentence for cause in CAUSES for sentence in cause(before, after, found)),
        _profiling(before, after),
    ]
    return Explanation(before, after, tuple(found), tuple(said))


def _whole(before: Profile, after: Profile) -> str:
    difference = after.whole - before.whole
    half = _Z * (before.whole_error**2 + after.whole_error**2) ** 0.5
    figures = f"{after.label} takes {time(after.whole)}, {before.label} {time(before.whole)} ({before.clock} time)"
    if abs(difference) <= half:
        return f"{figures}: no difference beyond noise (±{time(half)})."
    word = "slower" if difference > 0 else "faster"
    return f"{figures}: {before.whole / after.whole:.2f}× the speed, {time(abs(difference))} ±{time(half)} {word}."


def _changed(before: Profile, found: Sequence[Row]) -> list[str]:
    """What changed most: by kind, and the rows that did most of it."""
    by_kind = _by_kind([row for row in found if _stands(row) and abs(row.difference) > LITTLE * before.whole / 5])
    largest = sorted(by_kind.items(), key=lambda item: -abs(sum(row.difference for row in item[1])))
    told = [
        f"{_counted(kind, some)} {signed(sum(row.difference for row in some))}{_most(some)}"
        for kind, some in largest[:NAMED]
        if abs(sum(row.difference for row in some)) > LITTLE * before.whole
    ]
    return [f"What changed most: {'; '.join(told)}."] if told else []


def _most(some: Sequence[Row]) -> str:
    if len(some) < 2:
        return ""
    first = max(some, key=lambda row: abs(row.difference))
    return f" (most: {first.name} {signed(first.difference)})"


def _unchanged(before: Profile, found: Sequence[Row]) -> list[str]:
    """What of the earlier time is still there, and whether it is the same kernels doing the same work."""
    same = [row for row in found if row.before and row.after and row.name != OUTSIDE and not _moved(row)]
    taken = sum(row.before.seconds for row in same if row.before)
    if taken < LITTLE * before.whole:
        return []
    parts = []
    for kind, some in sorted(_by_kind(same).items(), key=lambda item: -_taken(item[1]))[:NAMED]:
        parts.append(f"{_counted(kind, some)} ({time(_taken(some))}{_same_work(some)})")
    kernels = sum(step.seconds for step in before.steps)
    whole = time(before.whole) if kernels <= before.whole * 1.0001 else f"{time(kernels)} under the profiler"
    return [f"{time(taken)} of the {whole} did not change: {'; '.join(parts)}."]


def _same_work(some: Sequence[Row]) -> str:
    """Why they did not change, where all of them tell."""
    work = [
        (row.before.kernels, row.before.operations) == (row.after.kernels, row.after.operations)
        for row in some
        if row.before and row.after and row.before.operator
    ]
    return ", the same kernels for the same operations" if work and all(work) else ""


def _taken(some: Sequence[Row]) -> float:
    return sum(row.before.seconds for row in some if row.before)


def _moved(row: Row) -> bool:
    """Whether a row changed by more than its interval and more than a little."""
    assert row.before
    return _stands(row) and abs(row.difference) > SAME * row.before.seconds


def _stands(row: Row) -> bool:
    return abs(row.difference) > row.margin


def _by_kind(some: Sequence[Row]) -> dict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in some:
        found[row.kind].append(row)
    return found


def _counted(kind: str, some: Sequence[Row]) -> str:
    """`9 convolutions`; kernels that belong to no operator by their kind alone."""
    if not any(side and side.operator for row in some for side in (row.before, row.after)):
        return kind
    noun = "linear operator" if kind == "linear" else kind
    return many(some, noun)


def _profiling(before: Profile, after: Profile) -> str:
    slowed = [(profile.label, profile.profiled / profile.whole - 1) for profile in (before, after)]
    told = [f"{label} {f'by {share(more)}' if more > 0 else 'not measurably'}" for label, more in slowed]
    return f"The profiler itself slowed {' and '.join(told)}."

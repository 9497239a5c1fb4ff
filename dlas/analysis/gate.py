"""Limits for a comparison: what makes a build fail."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dlas.analysis.compare import Change, Comparison
from dlas.errors import CubeError, StudyError
from dlas.study.quantities import share

_FORMS = "slower=3%, accuracy-drop=1pp or status"


@dataclass(frozen=True)
class Limits:
    """The largest slow-down and the largest loss of accuracy as shares; whether no status may get worse."""

    slower: float = math.inf
    accuracy_drop: float = math.inf
    status: bool = False


def limits(texts: Sequence[str]) -> Limits:
    """The limits of `slower=3%`, `accuracy-drop=1pp`, `status`; raises CubeError for anything else."""
    found = Limits()
    for text in texts:
        name, _, value = text.partition("=")
        if name == "slower":
            found = replace(found, slower=_share(text, value))
        elif name == "accuracy-drop":
            found = replace(found, accuracy_drop=_share(text, value.replace("pp", "%")))
        elif text == "status":
            found = replace(found, status=True)
        else:
            raise CubeError(f"--fail-on {text} is unknown; write {_FORMS}")
    return found


def _share(text: str, value: str) -> float:
    try:
        return share(value)
    except StudyError:
        raise CubeError(f"--fail-on {text} has no limit; write {_FORMS}") from None


def breaches(found: Comparison, asked: Limits) -> list[str]:
    """A sentence for each cell that broke a limit; a change must stand among all comparisons to count."""
    return [f"{change.cell}: {what}" for change in found.changes for what in _broken(change, asked)]


def _broken(change: Change, asked: Limits) -> Iterator[str]:
    if change.latency and change.latency_stands and change.latency.value > 1 + asked.slower:
        yield f"{change.latency.value - 1:.1%} slower, the limit is {asked.slower:.1%}"
    if change.accuracy and change.accuracy_stands and change.accuracy.value < -asked.accuracy_drop:
        drop, limit = -100 * change.accuracy.value, 100 * asked.accuracy_drop
        yield f"accuracy dropped by {drop:.2g} pp, the limit is {limit:g} pp"
    if asked.status and change.statuses[0] == "ok" != change.statuses[1]:
        yield f"was ok, is {change.statuses[1]}" + (f" ({change.reason})" if change.reason else "")


def unseen(found: Comparison, asked: Limits) -> int:
    """Cells whose latency is known so badly that a change of the limit's size would not show."""
    half = math.log1p(asked.slower)
    return sum(
        one.latency is not None and math.log(one.latency.high / one.latency.low) / 2 > half for one in found.changes
    )

"""A comparison in words and as a table: faster, slower, the same within x %, inconclusive."""

import math
from collections import Counter
from collections.abc import Mapping

from dlas.analysis.compare import Change, Comparison
from dlas.measure.statistics import Interval
from dlas.rounding import with_interval

HEADINGS = ("cell", "latency", "accuracy", "size", "status")
CLOSE = 0.03  # a ratio whose interval reaches no further from one is called the same


def sentences(found: Comparison) -> list[str]:
    """What changed beyond noise, what all cells share, and what cannot be told."""
    return [
        sentence for sentence in (_counts(found), _accuracies(found), *_sides(found), *_machines(found)) if sentence
    ]


def _counts(found: Comparison) -> str:
    words = Counter(word(change).partition(" within")[0] for change in found.changes if change.latency)
    told = [f"{words[kind]} {kind}" for kind in ("faster", "slower", "the same", "inconclusive") if words[kind]]
    unknown = sum(change.latency is None for change in found.changes)
    missing = f"; {unknown} without a latency by the same clock on both sides" if unknown else ""
    return f"Latency of {len(found.changes)} cells, after against before: {', '.join(told) or 'none'}{missing}."


def _accuracies(found: Comparison) -> str:
    standing = [change.accuracy for change in found.changes if change.accuracy and change.accuracy_stands]
    higher, sized = sum(one.value > 0 for one in standing), sum(change.resized for change in found.changes)
    worse = sum(change.statuses[0] == "ok" != change.statuses[1] for change in found.changes)
    better = sum(change.statuses[1] == "ok" != change.statuses[0] for change in found.changes)
    return (
        f"Accuracy: {higher} higher, {len(standing) - higher} lower beyond noise. Size: {sized} changed by more than "
        f"1 %. Status: {worse} no longer ok, {better} newly ok."
    )


def _sides(found: Comparison) -> list[str]:
    told = []
    for cells, side in ((found.only_before, "before"), (found.only_after, "after")):
        if cells:
            more = f" and {len(cells) - 3} more" if len(cells) > 3 else ""
            told.append(f"Only {side}: {', '.join(cells[:3])}{more}.")
    return told


def _machines(found: Comparison) -> list[str]:
    """What two sessions, or two hosts, do to every cell alike."""
    if not found.same_host:
        return [
            f"Two hosts: {found.hosts[0]} before, {found.hosts[1]} after. The ratios are those of host and software."
        ]
    together = f"All cells together took {_times(found.common)} as long" if found.common else ""
    if found.kernel:
        beyond = f"{together}, beyond what the machine did. " if together else ""
        return [
            f"{beyond}The reference kernel took {_times(found.kernel)} as long; this is taken out of every ratio, as "
            "what the machine itself did."
        ]
    common = f"{together}. " if together else ""
    return [
        f"{common}Without the journals' reference kernel, a factor that all cells share cannot be told apart from a "
        "slower machine."
    ]


def _times(ratio: Interval) -> str:
    return f"{with_interval(ratio.value, ratio.low, ratio.high)} times"


def word(change: Change) -> str:
    """The verdict on a cell's latency."""
    if change.latency is None:
        return ""
    if change.latency_stands:
        return "slower" if change.latency.value > 1 else "faster"
    reach = max(change.latency.high - 1, 1 - change.latency.low)
    return f"the same within {math.ceil(1000 * reach) / 10:g} %" if reach <= CLOSE else "inconclusive"


def rows(found: Comparison, everything: bool = False) -> list[Mapping[str, str]]:
    """A row of texts for each cell that changed (or for each cell), the most slowed first."""
    shown = [change for change in found.changes if everything or _changed(change)]
    shown.sort(key=lambda change: -change.latency.value if change.latency else 0.0)
    return [dict(zip(HEADINGS, _texts(change), strict=True)) for change in shown]


def _changed(change: Change) -> bool:
    return (
        change.latency_stands or change.accuracy_stands or change.resized or (change.statuses[0] != change.statuses[1])
    )


def _texts(change: Change) -> tuple[str, ...]:
    latency = f"{with_interval(*vars(change.latency).values())}× {word(change)}" if change.latency else ""
    points = [100 * end for end in vars(change.accuracy).values()] if change.accuracy else []
    accuracy = f"{with_interval(*points)} pp" if points and change.accuracy_stands else ""
    size = f"{change.size - 1:+.1%}" if change.size is not None and change.resized else ""
    before, after = change.statuses
    return change.cell, latency, accuracy, size, after if before == after else f"{before} → {after}"


def markdown(found: Comparison) -> str:
    """A summary in GitHub's Markdown: sentences, then a table of what changed."""
    changed = rows(found)
    table = [HEADINGS, ["---"] * len(HEADINGS), *(list(row.values()) for row in changed)]
    lines = ["| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in table] if changed else []
    points = [f"- {sentence}" for sentence in sentences(found)]
    return "\n".join(["## Comparison", "", *points, "", *(lines or ["Nothing changed beyond noise."])])
